"""The folder of a sync: its files, its manifest, its lock."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import stat
import warnings
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from attrs import field, frozen

from atlas_invoices._errors import ConfigError
from atlas_invoices._files import AtomicFile
from atlas_invoices._locks import FileLock

from ._listing import AMOUNTS, ListedInvoice

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

    listed: ListedInvoice
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
    listed = ListedInvoice(
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


MANIFEST = "manifest.json"

# The names that AtomicFile gives to what it has not finished, for the files of this folder and for nothing else's.
_LEFTOVER = re.compile(r"\.(?:[0-9a-f]{24}\.(?:csv|json)|manifest\.json)\.[0-9a-f]{16}\.part")


def csv_name(invoice_id: str) -> str:
    """The CSV's name in the folder."""
    return f"{invoice_id}.csv"


def json_name(invoice_id: str) -> str:
    """The JSON's name in the folder."""
    return f"{invoice_id}.json"


@frozen
class Folder:
    """A folder of invoices. What its methods are given as an invoice ID has been checked."""

    path: Path

    def create(self) -> None:
        """Make it, where it isn't there; raises `NotADirectoryError` where something else is."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            what = "Is no folder, nor a link to one; choose another place"
            raise NotADirectoryError(errno.ENOTDIR, what, str(self.path)) from None

    def csv_path(self, invoice_id: str) -> Path:
        """Where the CSV belongs."""
        return self.path / csv_name(invoice_id)

    def load(self, server: str, org_id: str) -> Manifest | None:
        """The manifest, None where there isn't one; raises `FolderError` for a damaged or somebody else's."""
        path = self.path / MANIFEST
        if path.exists() and not path.is_file():
            raise FolderError(f"{path} is no regular file; move it away, or choose another folder")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        manifest = parse(content, str(path))
        if (manifest.server, manifest.org_id) != (server, org_id):
            raise FolderError(
                f"{self.path} holds the invoices of organization {manifest.org_id} at {manifest.server}, not of "
                f"{org_id} at {server}; use a folder for each"
            )
        return manifest

    def save(self, manifest: Manifest) -> None:
        """Replace the manifest at once, or not at all."""
        self._write(MANIFEST, manifest.to_bytes())

    def save_json(self, invoice_id: str, document: bytes) -> FileFacts:
        """Replace an invoice's JSON at once, or not at all."""
        return self._write(json_name(invoice_id), document)

    def intact(self, entry: Entry, *, verify: bool) -> bool:
        """Whether an entry's files are there with their sizes, and with `verify` byte for byte."""
        return all(
            _is(self.path / name, facts, verify=verify)
            for name, facts in ((csv_name(entry.listed.id), entry.csv), (json_name(entry.listed.id), entry.json))
        )

    def clear_leftovers(self) -> None:
        """Take away what a killed run left half written; only while no other run is at work here."""
        for path in list(self.path.iterdir()):
            if _LEFTOVER.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> FileFacts:
        file = AtomicFile(self.path / name, overwrite=True)
        with file:
            file.write(content)
        return FileFacts(file.saved.size, file.saved.sha256)


def _is(path: Path, facts: FileFacts, *, verify: bool) -> bool:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != facts.size:
            return False
        if not verify:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == facts.sha256
    except OSError:
        # What can't be read can't be relied on: it's fetched again, and what is really wrong shows then.
        return False


NAME = ".atlas-invoices.lock"
POLL_SECONDS = 0.1

# What a file system without locks says.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


class FolderLock(FileLock):
    """The lock of one folder, for one run; it holds between threads of a process as well as between processes."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened or locked yet."""
        # The folder's own permissions decide who else may run a sync in it.
        super().__init__(folder / NAME, 0o666)
        self._folder = folder

    def acquire(self) -> bool:
        """Try to get it, without waiting; false where another run has it.

        Where the file system has no locks that's a warning, and the run goes on without (`held` is false then).
        Raises `OSError` where the folder can't be written to.
        """
        try:
            return super().acquire()
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        warnings.warn(
            f"{self._folder}: no file locks here, so make sure that only one sync at a time runs in this folder",
            stacklevel=2,
        )
        return True
