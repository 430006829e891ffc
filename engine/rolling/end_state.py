"""The end state of a dialogue: changes of the workspace, and of state that tool sources keep outside it.

A source is asked for its state when a sandbox is opened and again at the end (`ToolSource.probe`). Each value that
differs becomes a change like that of a JSON file, with the path "<source>:<name>", so judges, `state_ignore` and the
pages treat it like a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.protocols import Sandbox, ToolSource
from engine.reading.json_value import canonical, same
from engine.types import ABSENT, Absent, Change, Leaf, StateDiff, digest

_MOST_LEAVES = 500


async def source_states(sources: Mapping[str, ToolSource], sandbox: Sandbox) -> dict[str, Any]:
    """Return the present state of a domain's tool sources as JSON values by path ("<source>:<name>").

    `sources` are the opened sources by name. Raises SandboxError.
    """
    return {
        f"{name}:{key}": value
        for name, source in sources.items()
        if source.holds_state
        for key, value in (await source.probe(sandbox)).items()
    }


def with_source_changes(diff: StateDiff, before: Mapping[str, Any], after: Mapping[str, Any]) -> StateDiff:
    """Return a workspace's diff with the changes between two `source_states` added, sorted by path."""
    changes = [
        _change(path, before.get(path, ABSENT), after.get(path, ABSENT)) for path in before.keys() | after.keys()
    ]
    found = [change for change in changes if change is not None]
    if not found:
        return diff
    return diff.model_copy(update={"changes": tuple(sorted((*diff.changes, *found), key=lambda change: change.path))})


def _change(path: str, before: Any, after: Any) -> Change | None:
    if same(before, after):
        return None
    leaves = [] if ABSENT in (before, after) else list(_leaves(before, after))
    return Change(
        path=path,
        kind="added" if before is ABSENT else "removed" if after is ABSENT else "modified",
        format="json",
        before_digest=_digest(before),
        after_digest=_digest(after),
        leaves=tuple(leaves[:_MOST_LEAVES]),
        truncated=len(leaves) > _MOST_LEAVES,
    )


def _digest(value: Any) -> str:
    return "" if value is ABSENT else digest(canonical(value), 64)


def _leaves(before: Any, after: Any, pointer: str = "") -> Iterator[Leaf]:
    """Yield a leaf for each place where two JSON values differ. Lists are compared entry by entry where they have the
    same length, else as a whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            part = str(key).replace("~", "~0").replace("/", "~1")
            yield from _leaves(before.get(key, ABSENT), after.get(key, ABSENT), f"{pointer}/{part}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _leaves(one, other, f"{pointer}/{number}")
    elif not same(before, after):
        yield _leaf(pointer, before, after)


def _leaf(pointer: str, before: Any | Absent, after: Any | Absent) -> Leaf:
    sides = {"before": before, "after": after}
    return Leaf(
        pointer=pointer,
        nulls=tuple(side for side, value in sides.items() if value is None),
        **{side: None if value is ABSENT else value for side, value in sides.items()},
    )
