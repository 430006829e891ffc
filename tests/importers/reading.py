"""Helpers that send foreign rows through an importer and return trajectories and report."""

from __future__ import annotations

import json
from typing import Any

from engine import plugins
from engine.importing.report import Report
from engine.types import Trajectory

TOOL = {
    "name": "look_up",
    "description": "Look a thing up.",
    "parameters": {
        "type": "object",
        "properties": {
            "word": {"type": "string"},
            "most": {"type": "integer"},
            "note": {"type": ["string", "null"]},
            "near": {"type": "object", "properties": {"lat": {"type": "number"}, "name": {"type": "string"}}},
        },
        "required": ["word"],
    },
}


def imported(*rows: Any, format: str = "chat_jsonl", **options: Any) -> tuple[list[Trajectory], dict[str, Any]]:
    """Return the trajectories of rows (objects, or lines as bytes) and the report as JSON values."""
    importer = plugins.load("importers", format).make(plugins.configure("importers", format, options))
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    report = Report()
    found = list(importer.trajectories(lines, "theirs.jsonl", report))
    told = report.as_dict()
    assert told["rows"] == told["imported"] + told["set_aside"]
    assert told["imported"] == len(found)
    return found, told


def one(*messages: dict[str, Any], **more: Any) -> tuple[Trajectory, dict[str, Any]]:
    """Return the trajectory of one row that begins with a user, and the report."""
    found, told = imported({"messages": [{"role": "user", "content": "Hi"}, *messages], **more})
    return found[0], told


def says(text: Any = "Hello", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def calls(arguments: Any, name: str = "look_up", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"function": {"name": name, "arguments": arguments}, **more}]}
