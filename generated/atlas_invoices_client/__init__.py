"""A client library for accessing MongoDB Atlas invoices"""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)
