"""Read a training file as trajectories, and print the report about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from engine import plugins
from engine.importing.lines import lines_of
from engine.importing.report import LISTED, Report
from engine.protocols import Importer
from engine.types import Trajectory

__all__ = ["LISTED", "TITLES", "importer_of", "read", "report_lines"]

TITLES = {
    "changed": "read otherwise than written",
    "lost": "keys that are not carried",
    "held_back": "will not leave in chat formats as they are",
}
"""Titles of the report's counts of imported records."""


def importer_of(format: str, options: Mapping[str, Any]) -> Importer:
    """Return the importer of a format. Raises InputError for an unknown format or option."""
    importer: Importer = plugins.load("importers", format).make(plugins.configure("importers", format, dict(options)))
    return importer


def read(importer: Importer, source: BinaryIO, name: str, report: Report) -> Iterator[Trajectory]:
    """Yield the trajectories of a file; memory holds one record. `report` is complete when the iterator ends.

    Raises InputError, with the reason of the first bad record, when no record can be read. What a file holds of a
    provider's state is dropped, since only the dialogue that it came from could use it.
    """
    for trajectory in importer.trajectories(lines_of(source), name, report):
        yield trajectory.as_shown()
    if report.first_error is not None and not report.imported:
        raise report.first_error


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """Return a report (`Report.as_dict`) as lines for a terminal; [] when everything was imported unchanged."""
    lines = []
    if report["set_aside"]:
        lines.append(f"set aside: {report['set_aside']} of {report['rows']}")
        lines += [f"  {one['reason']}" for one in report["reasons"]]
        lines += _more(report["set_aside"], report["reasons"])
    if report["untrained"]:
        lines.append(f"with answers that are not trained, as the file wants: {report['untrained']}")
    for key, title in TITLES.items():
        if report[key]:
            lines.append(f"{title}:")
            lines += [f"  {name if key == 'lost' else name.replace('_', ' ')}: {n}" for name, n in report[key].items()]
    if report["noted"]:
        lines.append("to know:")
        lines += [f"  line {one['line']}: {one['note']}" for one in report["noted"]]
        if report["notes"] > len(report["noted"]):
            lines.append(f"  (said of {report['notes']} tools and calls in all)")
    return ["".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line) for line in lines]


def _more(count: int, listed: list[Any]) -> list[str]:
    return [f"  and {count - len(listed)} more"] if count > len(listed) else []
