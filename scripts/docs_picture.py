#!/usr/bin/env python3
"""Make overlays/docs/report.png: the report on the sandbox's invoices, as a browser shows it.

    scripts/docs_picture.py [--output FILE]

Run it after a change of the report. It needs Chromium (on Debian: apt-get install chromium).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import environment

environment.ensure()

PICTURE = environment.ROOT / "overlays" / "docs" / "report.png"
WIDTH, HEIGHT = 1120, 960


def main() -> int:
    """Make the picture; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=PICTURE, help="the picture (default: %(default)s)")
    output = parser.parse_args().output

    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - slow to import

    from atlas_invoices.sandbox import Sandbox  # noqa: PLC0415 - scripts import neither package at start-up

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("error: no Chromium found; on Debian: apt-get install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, Sandbox() as server:
        variables = {**os.environ, **server.environment(), "HOME": folder, "XDG_CACHE_HOME": folder}
        command = Path(sys.executable).with_name("atlas-invoices")
        for arguments in (["sync", "--dir", "invoices", "--quiet"], ["report", "invoices", "--quiet"]):
            subprocess.run([command, *arguments], cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto((Path(folder) / "report.html").as_uri())
            page.wait_for_selector("svg")
            page.screenshot(path=output)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
