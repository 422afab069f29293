"""A local Atlas for tests and for trying things out: real sockets, real authentication, made-up invoices.

    with Sandbox(Settings(seed=1)) as sandbox:
        atlas = Client(auth=DigestAuth(sandbox.public_key, sandbox.private_key), base_url=sandbox.base_url)

It needs the `sandbox` extra. What it says about Atlas is only what Atlas documents; where Atlas documents nothing, it
chooses, and the place in the code says so.
"""

from __future__ import annotations

from ._data import Invoice, Line, Organization, Payment, Refund
from ._faults import Faults
from ._middleware import RequestRecord
from ._server import Sandbox, serve
from ._settings import RateLimit, Settings

try:
    import starlette as _starlette  # noqa: F401 - looked for, so that a missing extra is named in one place
    import uvicorn as _uvicorn  # noqa: F401 - likewise
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"the sandbox needs {error.name}: pip install 'atlas-invoices[sandbox]'", name=error.name
    ) from None


__all__ = [
    "Faults",
    "Invoice",
    "Line",
    "Organization",
    "Payment",
    "RateLimit",
    "Refund",
    "RequestRecord",
    "Sandbox",
    "Settings",
    "serve",
]
