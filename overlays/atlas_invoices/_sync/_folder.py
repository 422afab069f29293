"""The folder: where its files are, whether they are what the manifest says, and what a killed run left in it."""

from __future__ import annotations

import errno
import hashlib
import re
import stat
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_invoices._files import AtomicFile

from . import _manifest
from ._manifest import FileFacts, FolderError, Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from ._manifest import Entry

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
        manifest = _manifest.parse(content, str(path))
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
