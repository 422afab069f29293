"""The examples in the docstrings of what reads the CSV are true."""

from __future__ import annotations

import doctest
from typing import TYPE_CHECKING

import pytest

from atlas_invoices._invoice_csv import _line_item, _reader, _summary

if TYPE_CHECKING:
    from types import ModuleType


@pytest.mark.parametrize("module", [_line_item, _reader, _summary])
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)

    assert result.attempted
    assert not result.failed
