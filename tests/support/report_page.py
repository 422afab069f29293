"""Reads a report's HTML as a program would: its tables, figures, scripts and attributes."""

from __future__ import annotations

from html.parser import HTMLParser


class ReportPage(HTMLParser):
    """The tables by name, each a list of rows of text; the figures; and everything that a browser would load or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._rows: list[list[str]] = []
        self._in_cell = False
        self._id: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "table":
            self._rows = self.tables[str(attributes["id"]).removeprefix("table-")] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._rows[-1].append("")
            self._in_cell = True
        elif tag in {"script", "style"}:
            (self.scripts if tag == "script" else self.styles).append("")
        self._id = attributes.get("id")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False
        self._id = None

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is not None:
            (self.scripts if self.cdata_elem == "script" else self.styles)[-1] += data
        elif self._in_cell:
            self._rows[-1][-1] += data
        elif self._id:
            self.texts[self._id] = data

    def rows(self, name: str) -> list[list[str]]:
        """The rows below a table's headings, totals included."""
        return self.tables[name][1:]
