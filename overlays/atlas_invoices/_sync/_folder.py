"""The folder of a sync: its files, its manifest, its lock."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import socket
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, field, frozen
from attrs.validators import instance_of, matches_re

from atlas_invoices._errors import ConfigError
from atlas_invoices._files import AtomicFile, clear_leftovers, no_folder
from atlas_invoices._locks import FileLock
from atlas_invoices._utils import warn

from ._listing import AMOUNTS, ListedInvoice

_FORMAT = "atlas-invoices sync"
# Format 1 had files without the month in their names.
_VERSION = 2

# The manifest's names, which are the API's where it has them, and ours.
_LISTED = {
    "id": "id",
    "orgId": "organization_id",
    "linked": "linked",
    "startDate": "start",
    "endDate": "end",
    "statusName": "status",
    "updated": "updated",
}

_MANIFEST = "manifest.json"
_LOCK = ".atlas-invoices.lock"

_OUR_FILES = r"(?:\d{4}-\d{2}-)?[0-9a-f]{24}\.(?:csv|json)|manifest\.json"

# The holder's process ID and host name, in the lock file.
_SIGNATURE = re.compile(rb"([0-9]{1,10}) ([\w.-]{1,64})\n", re.ASCII)

# How a file system without locks answers.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


class FolderError(ConfigError):
    """This run may not write to the folder."""


@frozen
class FileFacts:
    """A saved file: size in bytes, SHA-256 in lower-case hexadecimal."""

    size: int = field(validator=instance_of(int))
    sha256: str = field(validator=matches_re("[0-9a-f]{64}"))


@frozen
class Entry:
    """An invoice whose two files are in the folder.

    `listed` is the invoice as listed before the files were fetched, so any later change makes the next listing differ.
    `settled` is whether its status was final then, the files were as new as the listing, and the two agreed.
    """

    listed: ListedInvoice
    csv: FileFacts
    json: FileFacts
    fetched: str = field(validator=instance_of(str))
    settled: bool = field(validator=instance_of(bool))


@frozen
class Manifest:
    """The folder's invoices by ID, and the server and organization they belong to."""

    server: str = field(validator=instance_of(str))
    org_id: str = field(validator=matches_re("[0-9a-f]{24}"))
    entries: Mapping[str, Entry] = field(factory=dict)
    # Whether it was written when a file's name was the ID alone.
    names_lack_month: bool = field(default=False, kw_only=True)

    def to_bytes(self) -> bytes:
        """The JSON document, newest invoice first."""
        newest_first = sorted(
            self.entries.values(), key=lambda each: (each.listed.start or "", each.listed.id), reverse=True
        )
        document = {
            "format": _FORMAT,
            "version": _VERSION,
            "server": self.server,
            "orgId": self.org_id,
            "invoices": [_entry_to_json(entry) for entry in newest_first],
        }
        return json.dumps(document, indent=1).encode("ascii") + b"\n"

    @classmethod
    def parse(cls, content: bytes, name: str) -> Manifest:
        """Read a manifest called `name`; raises `FolderError` where it's damaged or not a manifest of sync."""
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            raise _damaged(name, "it isn't JSON") from None
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise FolderError(f"{name} isn't a manifest of `atlas-invoices sync`; choose another folder")
        version = document.get("version")
        if isinstance(version, int) and version > _VERSION:
            raise FolderError(f"{name} was written by a newer atlas-invoices (format {version}); upgrade this one")
        try:
            if type(version) is not int or version < 1:
                raise ValueError  # noqa: TRY301 - reported like any other invalid field
            entries = [_entry_from_json(each) for each in document["invoices"]]
            by_id = {entry.listed.id: entry for entry in entries}
            return cls(document["server"], document["orgId"], by_id, names_lack_month=version < _VERSION)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _damaged(name, "fields are missing or invalid") from None


def _damaged(name: str, why: str) -> FolderError:
    return FolderError(f"{name} is damaged ({why}); restore a good copy, or move it away to fetch every invoice again")


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    return {
        **{name: getattr(entry.listed, attribute) for name, attribute in _LISTED.items()},
        **entry.listed.amounts,
        "csv": {"name": entry.listed.file_name(".csv"), **asdict(entry.csv)},
        "json": {"name": entry.listed.file_name(".json"), **asdict(entry.json)},
        "fetched": entry.fetched,
        "settled": entry.settled,
    }


def _entry_from_json(fields: dict[str, Any]) -> Entry:
    return Entry(
        listed=ListedInvoice(
            **{attribute: fields[name] for name, attribute in _LISTED.items()},
            amounts={name: fields[name] for name in AMOUNTS},
        ),
        csv=FileFacts(fields["csv"]["size"], fields["csv"]["sha256"]),
        json=FileFacts(fields["json"]["size"], fields["json"]["sha256"]),
        fetched=fields["fetched"],
        settled=fields["settled"],
    )


@frozen
class Folder:
    """A folder of invoices."""

    path: Path
    # The last CSV and JSON of each thread.
    _files: dict[tuple[int, str], AtomicFile] = field(factory=dict, init=False, eq=False, repr=False)

    def create(self) -> None:
        """Create it if it doesn't exist; raises `NotADirectoryError` where something else does."""
        home = Path(self.path.parts[0]) if self.path.parts else self.path
        if home.name.startswith("~") and not home.is_dir():
            raise no_folder(home)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, "Not a folder; choose another path", str(self.path)) from None

    def csv_path(self, invoice: ListedInvoice) -> Path:
        return self.path / invoice.file_name(".csv")

    def json_path(self, invoice: ListedInvoice) -> Path:
        return self.path / invoice.file_name(".json")

    def load(self, server: str, org_id: str) -> Manifest | None:
        """Read the manifest, if there is one; files of the older naming are renamed.

        Raises `FolderError` where it's damaged or of another organization, and `OSError` where a file can't be renamed.
        """
        path = self.path / _MANIFEST
        if path.exists() and not path.is_file():
            raise FolderError(f"{path} isn't a regular file; move it away, or choose another folder")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        manifest = Manifest.parse(content, str(path))
        if (manifest.server, manifest.org_id) != (server, org_id):
            raise FolderError(
                f"{self.path} holds the invoices of organization {manifest.org_id} at {manifest.server}, not of "
                f"{org_id} at {server}; use a folder for each"
            )
        if manifest.names_lack_month:
            self._add_months(manifest)
            manifest = evolve(manifest, names_lack_month=False)
            self.save(manifest)
        return manifest

    def _add_months(self, manifest: Manifest) -> None:
        """Rename the files of the older naming. If that is interrupted, the next run renames the others."""
        for id_, entry in manifest.entries.items():
            for path in (self.csv_path(entry.listed), self.json_path(entry.listed)):
                with suppress(FileNotFoundError):
                    path.with_name(id_ + path.suffix).replace(path)

    def save(self, manifest: Manifest) -> None:
        """Replace the manifest, completely or not at all."""
        self._write(self.path / _MANIFEST, manifest.to_bytes())

    def _write(self, path: Path, content: bytes) -> FileFacts:
        with self.replace(path) as file:
            file.write(content)
        return FileFacts(file.saved.size, file.saved.sha256)

    def replace(self, path: Path) -> AtomicFile:
        """Return a file to write in the folder's `path`."""
        file = self._files[threading.get_ident(), path.suffix] = AtomicFile(path, overwrite=True)
        return file

    def intact(self, entry: Entry, *, verify: bool) -> bool:
        """Whether an entry's files are there with the right sizes, and with `verify` the right SHA-256."""
        files = {self.csv_path(entry.listed): entry.csv, self.json_path(entry.listed): entry.json}
        return all(_matches(path, facts, verify=verify) for path, facts in files.items())

    def clear_leftovers(self) -> None:
        """Delete the temporary files of killed runs; a fresh one may be another program's download."""
        clear_leftovers(self.path, _OUR_FILES)

    def abandon_files(self) -> None:
        """Keep the threads that are still at work from putting files in place."""
        for file in list(self._files.values()):
            file.abandon()


def _matches(path: Path, facts: FileFacts, *, verify: bool) -> bool:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != facts.size:
            return False
        if not verify:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == facts.sha256
    except OSError:
        # A file that can't be read is fetched again; if the disk is at fault, that shows then.
        return False


class FolderLock(FileLock):
    """The lock of one folder, for one run; holds between the threads of a process and between processes."""

    def __init__(self, folder: Path) -> None:
        # The folder's own permissions decide who else may run a sync in it.
        super().__init__(folder / _LOCK, 0o666)
        self._folder = folder

    def acquire(self) -> bool:
        """Try to get the lock without waiting; False while another run holds it.

        Warns where the file system has no locks, and goes on without one (`held` is False then).
        Raises `OSError` where the folder can't be written to.
        """
        try:
            is_held = super().acquire()
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        else:
            if is_held:
                self._sign()
            return is_held
        warn(f"{self._folder}: this file system has no file locks; make sure that only one sync at a time runs here")
        return True

    def _sign(self) -> None:
        if self._descriptor is None:
            return
        # Where it can't be written, another run's message lacks it.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode())
            # Windows locks and unlocks the first byte of what follows.
            os.lseek(self._descriptor, 0, os.SEEK_SET)

    @property
    def holder(self) -> str:
        """The run that holds the lock, for messages."""
        with suppress(OSError):
            if match := _SIGNATURE.fullmatch((self._folder / _LOCK).read_bytes()):
                process, host = match[1].decode(), match[2].decode()
                return f"another sync (process {process} on {host})"
        return "another sync"
