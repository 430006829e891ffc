"""Texts that look like faults and are none."""

from __future__ import annotations

import pytest

from engine.hygiene.check import check
from engine.hygiene.thoughts import split
from tests.hygiene.clean_texts import Clean, texts

ALL = list(texts())


def test_there_are_more_than_five_hundred_and_none_twice() -> None:
    assert len({(one.role, one.text, one.asked) for one in ALL}) == len(ALL) > 500


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.role}: {one.text[:40]!r}")
def test_no_alarm(one: Clean) -> None:
    cut = split(one.text)
    assert cut.text is one.text
    assert (cut.found, cut.reasoning) == (False, None)
    assert check(one.text, one.context()) == ()
