"""Ask ClickHouse (chdb), DataFusion and Spark for sums and products of an export: the right number or an error.

python tests/consumers/check.py
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from decimal import Context, Decimal
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from atlas_invoices._csv import write_csv, write_parquet

_HEADER = "Date,Usage Date,SKU,Unit Price,Quantity,Amount,Tag/team\n"
# Unit prices and quantities: short ones, doubles printed in full, and more digits than a product has room for.
CASES = {
    "cents": [("10.5", "720", "7560"), ("0.08", "24", "1.92")],
    "fractions": [("0.000211", "123.456789", "0.03"), ("0.0046667", "999.999999", "4.67")],
    "doubles": [("0.02", "0.00034722222222222224", "0.0000069444444444444448"), ("0.08", "24", "1.92")],
    "too long": [("0.00034722222222222224", "123456789.12345678901", "1")],
}
_SQL = "SELECT sum(amount), sum(unit_price * quantity) FROM {table}"


def clickhouse(path: Path) -> list[object]:
    """Ask ClickHouse."""
    import chdb

    return chdb.query(_SQL.format(table=f"file('{path}', Parquet)"), "CSV").bytes().decode().strip().split(",")


def datafusion(path: Path) -> list[object]:
    """Ask DataFusion."""
    from datafusion import SessionContext

    context = SessionContext()
    context.register_parquet("lines", str(path))
    return [column[0].as_py() for column in context.sql(_SQL.format(table="lines")).to_arrow_table().columns]


def spark(path: Path, *, precision_loss: bool = True) -> list[object]:
    """Ask Spark; without precision loss, a product keeps all decimals, or it's an error."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    session.conf.set("spark.sql.decimalOperations.allowPrecisionLoss", precision_loss)
    session.read.parquet(str(path)).createOrReplaceTempView("lines")
    return list(session.sql(_SQL.format(table="lines")).collect()[0])


def spark_tags(path: Path) -> str:
    """Read an exported CSV's tags with Spark, by the options that `write_csv` documents."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    options = {"header": "true", "multiLine": "true", "quote": '"', "escape": '"'}
    return str(session.read.options(**options).csv(str(path)).collect()[0]["tags"])


CONSUMERS: dict[str, tuple[str, Callable[[Path], list[object]]]] = {
    "ClickHouse": ("chdb", clickhouse),
    "DataFusion": ("datafusion", datafusion),
    "Spark": ("pyspark", spark),
    "Spark without precision loss": ("pyspark", partial(spark, precision_loss=False)),
}


def main() -> None:
    """Print one line for each consumer and case."""
    exact = Context(prec=100)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.parquet"
        for case, numbers in CASES.items():
            rows = [f"07/01/2024,06/30/2024,M10,{','.join(each)},\n" for each in numbers]
            out = io.BytesIO()
            write_parquet((_HEADER + "".join(rows)).encode(), out)
            path.write_bytes(out.getvalue())
            amounts, products = Decimal(0), Decimal(0)
            for price, quantity, amount in numbers:
                amounts = exact.add(amounts, Decimal(amount))
                products = exact.add(products, exact.multiply(Decimal(price), Decimal(quantity)))
            for name, (package, ask) in CONSUMERS.items():
                print(f"{case}: {name}: {_outcome(package, ask, path, [amounts, products])}", flush=True)
        if find_spec("pyspark"):
            note = b'"say ""hi"", all"'
            table = Path(folder) / "lines.csv"
            with table.open("wb") as file:
                write_csv(_HEADER.encode() + b"07/01/2024,06/30/2024,M10,1,1,1," + note + b"\n", file)
            right = spark_tags(table) == '{"team":"say \\"hi\\", all"}'
            print(f"tags in CSV: Spark: {'right' if right else 'WRONG'}")


def _outcome(package: str, ask: Callable[[Path], list[object]], path: Path, expected: list[Decimal]) -> str:
    if not find_spec(package):
        return "not installed"
    try:
        found = [None if value is None else Decimal(str(value)) for value in ask(path)]
    except ImportError as error:
        return f"not installed completely: {error}"
    except Exception as error:  # noqa: BLE001 - each consumer has its own errors
        return f"refuses: {type(error).__name__}"
    return "right" if found == expected else f"WRONG: {found} for {expected}"


if __name__ == "__main__":
    main()
