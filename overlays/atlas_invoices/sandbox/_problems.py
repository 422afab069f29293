"""A refusal as Atlas words it: status, error code and the documented JSON body."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class Problem(Exception):  # noqa: N818 - it is an answer, not a failure of this program
    """Raised by a handler to answer with an error body (the `ApiError` schema of the Atlas Admin API document).

    `fields` maps parameters to what is wrong with them. Where there is no detail, it is null, as upstream sends it
    since 2026-07.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | None = None,
        *,
        fields: dict[str, str] | None = None,
        parameters: tuple[str, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields or {}
        self.parameters = parameters
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        found: dict[str, Any] = {
            "error": self.status,
            "errorCode": self.code,
            "detail": self.detail,
            "reason": _phrase(self.status),
            "badRequestDetail": None,
        }
        if self.parameters:
            found["parameters"] = [{"value": value} for value in self.parameters]
        if self.fields:
            found["badRequestDetail"] = {
                "fields": [{"field": name, "description": text} for name, text in self.fields.items()]
            }
        return found


def _phrase(status: int) -> str | None:
    """The reason phrase, or `None` for a status of no standard, as proxies send."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return None
