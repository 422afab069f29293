"""A local Atlas for tests and demonstrations: real sockets, real authentication, made-up invoices.

    with Sandbox(Settings(seed=1)) as sandbox:
        atlas = Client(auth=DigestAuth(sandbox.public_key, sandbox.private_key), base_url=sandbox.base_url)

It needs the `sandbox` extra. It behaves as Atlas is documented to; comments mark what Atlas doesn't document.
"""

from __future__ import annotations

try:
    from ._data import Invoice, Line, Organization, Payment, Refund
    from ._faults import Faults
    from ._middleware import RequestRecord
    from ._server import Sandbox, serve
    from ._settings import RateLimit, Settings
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
