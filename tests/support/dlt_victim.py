"""Load with dlt in processes that kill themselves: `python dlt_victim.py`, with JSON on stdin.

Each line is `[url, folder of pipelines, dataset, step]`, and Atlas is the one of the environment. A process kills
itself at the given step: each batch of rows is one, and so are the end of extracting, and each file and each merge,
before it's loaded and after.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import dlt
from dlt.common.destination.client import RunnableLoadJob
from dlt.pipeline.pipeline import Pipeline

import atlas_invoices.dlt as source
from forks import answer


def work(url: str, folder: str, dataset: str, step: int) -> None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            count()
            result = function(*args, **kwargs)
            count()
            return result

        return wrapper

    read_fixed = source.read_fixed

    def batches(*args: Any) -> Iterator[Any]:
        for batch in read_fixed(*args):
            count()
            yield batch

    source.read_fixed = batches
    Pipeline.normalize = counted(Pipeline.normalize)  # type: ignore[method-assign] # the steps are counted
    RunnableLoadJob.run_managed = counted(RunnableLoadJob.run_managed)  # type: ignore[method-assign] # the steps are counted
    engine = dlt.destinations.postgres if "://" in url else dlt.destinations.duckdb
    pipeline = dlt.pipeline("victim", pipelines_dir=folder, destination=engine(url), dataset_name=dataset)
    pipeline.run(source.atlas_invoices())


if __name__ == "__main__":
    answer(work)
