"""What changed in a workspace."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from engine.types.frozen import Frozen


class Absent(Enum):
    """The value of a place that does not exist, as opposed to one that holds null."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class Leaf(Frozen):
    """One readable change inside a file. `pointer` is a JSON pointer, `table/primary-key`, or "" for a whole text.

    `before` and `after` are JSON values; None means that nothing was there, except on the sides in `nulls`, which held
    null. `nulls` is written only when it is not empty, so that older records keep their bytes.
    """

    pointer: str
    before: Any = None
    after: Any = None
    nulls: tuple[Literal["before", "after"], ...] = ()

    @property
    def was(self) -> Any:
        """The value before, ABSENT where there was none."""
        return ABSENT if self.before is None and "before" not in self.nulls else self.before

    @property
    def became(self) -> Any:
        """The value after, ABSENT where there is none."""
        return ABSENT if self.after is None and "after" not in self.nulls else self.after

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        if not self.nulls:
            found.pop("nulls", None)
        return found


class Change(Frozen):
    """One file that differs. Its digests are canonical ("" when there is no file): for JSON and JSON lines they ignore
    key order and white space, for SQLite they cover the rows, in both numbers count by value; for other files they
    cover the bytes."""

    path: str
    kind: Literal["added", "removed", "modified"]
    format: Literal["json", "sqlite", "text", "binary"]
    before_digest: str = ""
    after_digest: str = ""
    leaves: tuple[Leaf, ...] = ()
    text: str = ""
    truncated: bool = False


class StateDiff(Frozen):
    """The difference between a rollout's initial and final workspace, sorted by path.

    `patch` is the output of `git diff` for a workspace that is a git repository, else None.
    """

    changes: tuple[Change, ...] = ()
    patch: str | None = None

    @property
    def empty(self) -> bool:
        return not self.changes
