from __future__ import annotations

from engine.state import differences
from engine.types import Change, Leaf, StateDiff


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
