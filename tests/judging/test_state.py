from __future__ import annotations

from typing import Any

import pytest

from engine.judging.state import differences
from engine.types import ABSENT, Change, Leaf, StateDiff


def change(after: str, *leaves: Leaf, path: str = "a.json") -> Change:
    return Change(path=path, kind="modified", format="json", before_digest="0", after_digest=after, leaves=leaves)


def diff(*changes: Change) -> StateDiff:
    return StateDiff(changes=changes)


ONE = Leaf(pointer="/x", before=1, after=2)


def test_equal_end_states_have_no_difference() -> None:
    assert differences(diff(change("d", ONE)), diff(change("d", ONE))) == []


def test_missing_extra_and_different_are_told_apart() -> None:
    expected, nothing = diff(change("d", ONE)), diff()
    other = diff(change("e", ONE.model_copy(update={"after": 3})))
    assert [d.kind for d in differences(expected, nothing)] == ["missing"]
    assert [d.kind for d in differences(nothing, expected)] == ["extra"]
    assert [d.kind for d in differences(expected, other)] == ["different"]


def test_ignored_places_are_passed_over() -> None:
    note = Leaf(pointer="/orders/1/note", before="", after="late")
    expected, found = diff(change("d", ONE)), diff(change("e", ONE, note))
    assert [d.place for d in differences(expected, found)] == ["a.json#/orders/1/note"]
    assert differences(expected, found, ["a.json#/orders/*/note"]) == []


def test_a_cut_list_of_leaves_is_never_taken_for_the_whole() -> None:
    cut = change("d", ONE).model_copy(update={"truncated": True})
    assert [d.kind for d in differences(diff(cut), diff(change("e", ONE)))] == ["different"]


@pytest.mark.parametrize(
    ("wanted", "given", "told"),
    [
        (Leaf(pointer="/v", before=0, after=True), Leaf(pointer="/v", before=0, after=1), "should be true and is 1"),
        (Leaf(pointer="/v", before=0, after=False), Leaf(pointer="/v", before=0), "should be false and is absent"),
        (
            Leaf(pointer="/v", before=0, nulls=("after",)),
            Leaf(pointer="/v", before=0),
            "should be null and is absent",
        ),
        (Leaf(pointer="/v", before=0), Leaf(pointer="/v", before=0, nulls=("after",)), "should be absent and is null"),
        (
            Leaf(pointer="/v", before=0, after=""),
            Leaf(pointer="/v", before=0, nulls=("after",)),
            'should be "" and is null',
        ),
        (
            Leaf(pointer="/v", before=0, after={"a": [1]}),
            Leaf(pointer="/v", before=0, after={"a": [True]}),
            'should be {"a": [1]} and is {"a": [true]}',
        ),
        (Leaf(pointer="/v", before=0, after=10**30), Leaf(pointer="/v", before=0, after=10**30 + 1), "should be 1000"),
    ],
)
def test_kinds_are_told_apart_in_both_directions(wanted: Leaf, given: Leaf, told: str) -> None:
    (found,) = differences(diff(change("d", wanted)), diff(change("e", given)))
    assert (found.kind, found.place) == ("different", "a.json#/v")
    assert told in found.sentence()
    assert len(differences(diff(change("e", given)), diff(change("d", wanted)))) == 1


def test_numbers_are_the_same_by_value() -> None:
    whole, decimal = Leaf(pointer="/v", before=0, after={"a": 1}), Leaf(pointer="/v", before=0, after={"a": 1.0})
    other = Leaf(pointer="/w", before=0, after=2)
    found = differences(diff(change("d", whole, other)), diff(change("e", decimal)))
    assert [entry.place for entry in found] == ["a.json#/w"]


def test_a_removed_object_is_not_an_emptied_one() -> None:
    gone = Leaf(pointer="/box/a", before=1)  # both leave the same leaves behind
    (found,) = differences(diff(change("d", gone)), diff(change("e", gone)))
    assert (found.kind, found.place) == ("different", "a.json")


@pytest.mark.parametrize("leaf", [{"pointer": "/a"}, {"pointer": "/a", "before": None, "after": 1}])
def test_leaves_without_nulls_read_and_leave_as_ever(leaf: dict[str, Any]) -> None:
    read = Leaf.model_validate(leaf)
    assert read.was is ABSENT
    assert read.model_dump(mode="json") == {"before": None, "after": None} | leaf
    null = Leaf(pointer="/a", nulls=("after",))
    assert (null.was, null.became) == (ABSENT, None)
    assert Leaf.model_validate_json(null.model_dump_json()) == null
