"""Keep the generated client's `UNSET` one object when models are pickled or copied, as pipelines do with them.

The generated class doesn't say how it's pickled, so a copy would be another object than the `UNSET` it's compared with.
"""

from __future__ import annotations

import copyreg

from atlas_invoices_client.types import Unset


def _by_name(_: Unset) -> str:
    return "UNSET"


def keep_one() -> None:
    """Have pickle and copy take `UNSET` by its name."""
    copyreg.pickle(Unset, _by_name)
