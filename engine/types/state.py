"""What changed in a workspace."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from engine.types.frozen import Frozen


class Absent(Enum):
    """The value of a place where nothing is, which null is not."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class Leaf(Frozen):
    """One readable change inside a file. `pointer` is a JSON pointer, `table/primary-key`, or "" for a whole text.

    `before` and `after` are JSON values; None means that nothing was there, except on the sides that `nulls` names,
    which held a null. It is written only where there is one, so records without nulls read and leave as ever.
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
    """One file that differs. `after_digest` is a canonical digest of the new content ("" when removed):
    JSON (also by lines) ignores key order and white space, SQLite compares rows, both take numbers by value; other
    files compare bytes."""

    path: str
    kind: Literal["added", "removed", "modified"]
    format: Literal["json", "sqlite", "text", "binary"]
    before_digest: str = ""
    after_digest: str = ""
    leaves: tuple[Leaf, ...] = ()
    text: str = ""
    truncated: bool = False


class StateDiff(Frozen):
    """The difference between the workspace a rollout got and the one it left. Sorted by path.

    `patch` is the output of `git diff` for a workspace that is a git repository, else None.
    """

    changes: tuple[Change, ...] = ()
    patch: str | None = None

    @property
    def empty(self) -> bool:
        return not self.changes
