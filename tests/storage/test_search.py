"""Full-text search finds words, phrases and tools, and treats any input as words, never as query syntax."""

from __future__ import annotations

import pytest

from engine.types import TrajectoryFilter
from storage.database import Database
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving.store import SqlStore
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import queue_batch

SAID = (
    "Where is my blue umbrella?",
    "Please cancel order W1001, the umbrella is broken.",
    "Könnten Sie die Größe ändern? naïve café",
    "注文をキャンセルしてください",
    "C++ and 100% cotton, it's 'quoted' \"twice\", a/report.json",
)
HOSTILE = [
    '"', "'", "''", "*", "-", "(", ")", "((", "a AND", "OR", "NOT", "NEAR(a, 2)", "^a", "a:b", "{a}", "a*b", "\\",
    "%", "%s", "%(x)s", ":x", "?", "& |", "!", "<->", "'':*", "a & !b", "x\x00y", "\ud800",
    "umbrella'; DROP TABLE batch; --", "content:umbrella",
    "rowid:1", '"unclosed phrase', "a" * 5_000, "w " * 5_000, "🙂",
    "\u202e", "\n\t", "½ ﬁ ㍿ İ ﷺ ² ª", "a½b_½_c",
]  # fmt: skip


@pytest.fixture
def spoken(db: Database) -> Database:
    number = queue_batch(db, 100)
    SqlStore(db).save(number, [order_trajectory(i, said=said, tool=f"tool_{i}_do") for i, said in enumerate(SAID)])
    return db


def _found(db: Database, text: str) -> list[int]:
    rows, total = trajectories.page(db, TrajectoryFilter(text=text), sort="oldest")
    assert total == len(rows)
    return [r.index for r in rows]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("umbrella", [0, 1]),
        ("UMBRELLA", [0, 1]),
        ("umbr", [0, 1]),
        ("blue umbrella", [0]),
        ("umbrella blue", [0]),
        ('"blue umbrella"', [0]),
        ('"umbrella blue"', []),
        ("W1001", [1]),
        ("Größe", [2]),
        ("cafe", [2]),
        ("json", [4]),
        ("report.json", [4]),
        ("cotton", [4]),
        ("tool_1_do", [1]),
        ("umbrella tool_0_do", [0]),
        ("way", [0, 1, 2, 3, 4]),
        ("policyword", []),
        ("resultword", []),
        ("no such words", []),
        ("   ", [0, 1, 2, 3, 4]),
        ("", [0, 1, 2, 3, 4]),
    ],
)
def test_words_are_found(spoken: Database, text: str, found: list[int]) -> None:
    assert _found(spoken, text) == found


def test_scripts_without_spaces_are_found_by_their_beginning(spoken: Database) -> None:
    assert _found(spoken, "注文") == [3]


def test_hostile_text_never_raises_and_never_widens(spoken: Database) -> None:
    for text in HOSTILE:
        found = _found(spoken, text)
        assert set(found) <= set(range(len(SAID)))
        if not any(c.isalnum() for c in text) and text.strip():
            assert found == [], text
    assert trajectories.count(spoken, TrajectoryFilter()) == len(SAID)


def test_deleted_trajectories_are_not_found(spoken: Database) -> None:
    batches.delete_batch(spoken, 1)
    assert _found(spoken, "umbrella") == []
    SqlStore(spoken).save(queue_batch(spoken), [order_trajectory(9, said="another umbrella")])
    assert _found(spoken, "umbrella") == [9]
