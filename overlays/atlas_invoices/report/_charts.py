"""The charts, as Vega-Lite specifications, and the runtime that draws them.

A chart has no data of its own: the page's script gives it the rows of the table beside it. Colors are CSS variables, so
dark mode and printing need no script.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt
import vl_convert

COLORS = 6
# More bars than this would be narrower than a pixel or two.
MAX_DAYS = 130
_AUTOSIZE = {"type": "fit-x", "contains": "padding"}
_AXIS = {
    "domain": False,
    "ticks": False,
    "grid": False,
    "title": None,
    "labelColor": "var(--muted)",
    "labelFontSize": 12,
    "labelPadding": 6,
}
_CONFIG = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": _AXIS,
    "axisQuantitative": {"grid": True, "gridColor": "var(--line)", "format": ",f", "tickCount": 4},
    "legend": {"orient": "bottom", "title": None, "labelColor": "var(--text)", "labelFontSize": 12, "rowPadding": 5},
}


def specifications(*, months: bool, tags: bool, weekly: bool) -> dict[str, dict[str, Any]]:
    """Return the specification of each chart, by the name of its table."""
    charts = {
        "day": _stacked(
            alt.X(
                "key:T",
                timeUnit="utcyearweek" if weekly else "utcyearmonthdate",
                # A day's bar stands above its label; a week's begins there.
                bandPosition=alt.Undefined if weekly else 0,
                axis=alt.Axis(format="%b %-d", labelOverlap=True, labelSeparation=8),
            ),
            weekly=weekly,
        ),
        **{name: _bars() for name in ("project", "cluster", "service", "sku", *(["tag"] if tags else []))},
    }
    if months:
        charts["period"] = _stacked(alt.X("key:O", axis=alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=8)))
    return {name: {**chart.to_dict(), "autosize": _AUTOSIZE, "config": _CONFIG} for name, chart in charts.items()}


def _stacked(x: alt.X, *, weekly: bool = False) -> alt.Chart:
    """Bars over time, stacked by project."""
    tooltip = _tooltip("key", "project", "text")
    if weekly:
        week = alt.Tooltip("key:T", timeUnit="utcyearweek", title="week of", format="%Y-%m-%d")
        tooltip = [week, *_tooltip("project"), alt.Tooltip("sum(amount):Q", title="amount", format=",.2f")]
    chart: alt.Chart = (
        alt.Chart(alt.NamedData("rows"), width="container", height=220)
        .mark_bar()
        .encode(
            x=x,
            y=alt.Y("sum(amount):Q" if weekly else "amount:Q"),
            color=alt.Color(
                "project:N",
                sort=None,
                scale=alt.Scale(range=[f"var(--color-{number})" for number in range(COLORS)]),
            ),
            order=alt.Order("order:Q"),
            tooltip=tooltip,
        )
    )
    return chart


def _bars() -> alt.Chart:
    """Horizontal bars, in the order of the table; the page's script makes it as high as it has bars."""
    chart: alt.Chart = (
        alt.Chart(alt.NamedData("rows"), width="container")
        .mark_bar(color="var(--color-0)", cornerRadiusEnd=2)
        .encode(
            y=alt.Y("key:N", sort=None, axis=alt.Axis(labelColor="var(--text)")),
            x=alt.X("amount:Q"),
            tooltip=_tooltip("key", "text"),
        )
    )
    return chart


def _tooltip(*fields: str) -> list[alt.Tooltip]:
    names = {"key": " ", "project": "project", "text": "amount"}
    return [alt.Tooltip(f"{field}:N", title=names[field]) for field in fields]


@cache
def runtime() -> str:
    """Return the script with vega, vega-embed and the version of vega-lite that the charts are made for."""
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    script: str = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]  # its stub lacks the default
    return script.replace("</script", "<\\/script")
