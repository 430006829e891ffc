"""What an exporter makes of one trajectory, and what a whole export came to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Converted(NamedTuple):
    """The rows of one trajectory in an export format, or in `dropped` the reason why there are none.

    `ids` holds a hash of each row's content, so that equal rows of two trajectories are exported once; it is empty in a
    format that keeps duplicates. `lost` and `changed` name what the report counts when the trajectory is exported.
    `tokens` are the control tokens inside its texts, which the conversion adds.
    `beyond` is the number of its tokens where these exceed the context length of the recipe.
    """

    rows: Sequence[Any] = ()
    ids: Sequence[int] = ()
    dropped: str | None = None
    lost: Collection[str] = ()
    changed: Collection[str] = ()
    tokens: Collection[str] = ()
    beyond: int | None = None


@dataclass(frozen=True)
class ExportOutcome:
    """A finished export. `path` is relative to the folder of exports, None for a file elsewhere; `size` is in bytes;
    `rows` counts training rows; `trajectories` holds the ids of the exported ones."""

    path: str | None
    size: int
    sha256: str
    rows: int
    report: Mapping[str, Any]
    trajectories: Sequence[int] = ()
