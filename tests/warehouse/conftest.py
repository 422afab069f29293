"""One Spark for all tests: starting it takes seconds. It sees only variables that are set before it starts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from atlas_invoices.sandbox import Sandbox, Settings
from load_targets import local_s3

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with 200 small invoices."""
    with Sandbox(Settings(months=200, typical_lines=6)) as running:
        yield running


@pytest.fixture(scope="session")
def java() -> None:
    """Skip where Spark can't run."""
    pytest.importorskip("pyspark", reason="Spark isn't installed: run scripts/test --warehouse")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java: apt-get install default-jre-headless")


@pytest.fixture(scope="session")
def spark(sandbox: Sandbox, java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:  # noqa: ARG001 - a condition
    """Spark on two cores that knows the sandbox, our data source, and three retries of a failed task."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - `java` checks first that it's there

    from atlas_invoices.spark import AtlasInvoices  # noqa: PLC0415 - it needs pyspark

    with pytest.MonkeyPatch.context() as environment:
        cache = str(tmp_path_factory.mktemp("cache"))
        for name, value in {**sandbox.environment(), "XDG_CACHE_HOME": cache, "PYSPARK_PYTHON": sys.executable}.items():
            environment.setenv(name, value)
        builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
        for name in ("spark.driver.host", "spark.driver.bindAddress"):
            builder = builder.config(name, "127.0.0.1")
        session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        session.dataSource.register(AtlasInvoices)
        yield session
        session.stop()


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """A local S3, as the variables that describe it."""
    with local_s3() as environment:
        yield environment
