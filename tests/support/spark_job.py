"""A Spark job on a cluster of two executors in processes of their own, which log and show everything they can.

    python spark_job.py FOLDER

It prints the number of lines and their sum. FOLDER gets `shown.txt`, with plans and a traceback, and the logs.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pyspark
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from atlas_invoices.spark import AtlasInvoices

_LOG4J = """
rootLogger.level = debug
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = {folder}/log-${{sys:PID:-0}}-${{date:HHmmssSSS}}.txt
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %p %c %m%n%ex
"""


def main(folder: Path) -> None:
    folder.mkdir()
    log4j = folder / "log4j2.properties"
    log4j.write_text(_LOG4J.format(folder=folder))
    (folder / "events").mkdir()
    java = f"-Dlog4j2.configurationFile={log4j}"
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": java,
        "spark.executor.extraJavaOptions": java,
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": f"file://{folder}/events",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.execution.pyspark.udf.tracebackWithLocals.enabled": "true",
        "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.task.maxFailures": "1",
        "spark.ui.enabled": "false",
    }
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local-cluster[2,1,1024]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.dataSource.register(AtlasInvoices)
    lines = spark.read.format("atlas_invoices").load()
    (row,) = lines.selectExpr("count(*)", "sum(amount)").collect()
    sys.stdout.write(f"{row[0]} {row[1]}\n")
    shown = [repr(lines), lines._jdf.queryExecution().toString(), lines._jdf.queryExecution().executedPlan().toJSON()]
    try:
        # The sandbox refuses this one.
        spark.read.format("atlas_invoices").option("since", "2026-11").load().collect()
    except PySparkException as error:
        shown.append(str(error))
    (folder / "shown.txt").write_text("\n".join(shown))
    application = spark.sparkContext.applicationId
    spark.stop()
    # What executors print.
    shutil.move(Path(pyspark.__file__).parent / "work" / application, folder / "work")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
