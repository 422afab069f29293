"""The manifest: which invoices the folder holds, as a JSON document; reading and writing it, without any I/O."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from atlas_invoices._errors import ConfigError

from ._listing import AMOUNTS, Listed

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "atlas-invoices sync"
VERSION = 1

_ID = re.compile(r"[0-9a-f]{24}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FolderError(ConfigError):
    """The folder isn't one that this run may write to."""


@frozen
class FileFacts:
    """A file as it was saved: size in bytes, SHA-256 in lower-case hexadecimal."""

    size: int
    sha256: str


@frozen
class Entry:
    """An invoice whose two files are in the folder.

    `listed` is what the listing said when they were fetched: never newer than the files, so that whatever changed
    later makes the next listing differ. `settled` is whether the invoice was final then, and was sent as new as listed.
    """

    listed: Listed
    csv: FileFacts
    json: FileFacts
    fetched: str
    settled: bool


@frozen
class Manifest:
    """Everything the folder holds, and of whom."""

    server: str
    org_id: str
    entries: Mapping[str, Entry] = field(factory=dict)

    def to_bytes(self) -> bytes:
        """The JSON document, newest invoice first; fields that are Atlas's have its API's names."""
        ordered = sorted(
            self.entries.values(), key=lambda each: (each.listed.start or "", each.listed.id), reverse=True
        )
        document = {
            "format": FORMAT,
            "version": VERSION,
            "server": self.server,
            "orgId": self.org_id,
            "invoices": [_entry_json(entry) for entry in ordered],
        }
        return json.dumps(document, indent=1).encode("ascii") + b"\n"


def parse(content: bytes, name: str) -> Manifest:
    """Read a manifest; raises `FolderError`, which names it by `name`, for one that isn't ours or is damaged."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise _damaged(name, "it isn't JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FolderError(f"{name} isn't a manifest of `atlas-invoices sync`; choose another folder")
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise FolderError(f"{name} was written by a newer atlas-invoices (its version is {version}); upgrade this one")
    try:
        if version is True or version != VERSION:
            raise ValueError  # noqa: TRY301 - the same answer as to any other field
        entries = [_entry(each) for each in document["invoices"]]
        return Manifest(
            server=_text(document["server"]),
            org_id=_matching(_ID, document["orgId"]),
            entries={entry.listed.id: entry for entry in entries},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _damaged(name, "fields are missing or wrong") from None


def _damaged(name: str, how: str) -> FolderError:
    return FolderError(
        f"{name} is damaged ({how}); put back a good copy, or move it away: then every invoice is fetched again"
    )


def _entry_json(entry: Entry) -> dict[str, Any]:
    listed = entry.listed
    return {
        "id": listed.id,
        "orgId": listed.organization_id,
        "linked": listed.linked,
        "startDate": listed.start,
        "endDate": listed.end,
        "statusName": listed.status,
        "updated": listed.updated,
        **listed.amounts,
        "csv": {"size": entry.csv.size, "sha256": entry.csv.sha256},
        "json": {"size": entry.json.size, "sha256": entry.json.sha256},
        "fetched": entry.fetched,
        "settled": entry.settled,
    }


def _entry(found: dict[str, Any]) -> Entry:
    listed = Listed(
        id=_matching(_ID, found["id"]),
        organization_id=None if found["orgId"] is None else _matching(_ID, found["orgId"]),
        start=_time(found["startDate"]),
        end=_time(found["endDate"]),
        status=None if found["statusName"] is None else _text(found["statusName"]),
        updated=None if found["updated"] is None else _text(found["updated"]),
        amounts={name: found[name] for name in AMOUNTS},
        linked=_flag(found["linked"]),
    )
    return Entry(
        listed,
        _facts(found["csv"]),
        _facts(found["json"]),
        fetched=_text(found["fetched"]),
        settled=_flag(found["settled"]),
    )


def _facts(found: dict[str, Any]) -> FileFacts:
    size = found["size"]
    if not isinstance(size, int):
        raise TypeError
    return FileFacts(size, _matching(_SHA256, found["sha256"]))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _matching(pattern: re.Pattern[str], value: object) -> str:
    text = _text(value)
    if not pattern.fullmatch(text):
        raise ValueError
    return text


def _time(value: object) -> str | None:
    if value is None:
        return None
    text = _text(value)
    date.fromisoformat(text[:10])
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
