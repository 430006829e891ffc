"""Prompts are strict: every variable is given, and every given one is used."""

from __future__ import annotations

import pytest

from engine import prompting
from engine.errors import InputError


def test_all_values_are_filled_in() -> None:
    text = prompting.render("user_go_on", reason="early", answered=1, requests=2)
    assert "1 of your 2 requests has been answered" in text
    assert "{" not in text


def test_a_missing_value_is_an_error_naming_it() -> None:
    with pytest.raises(InputError, match=r"user_go_on\.md.*'answered' is undefined"):
        prompting.render("user_go_on", reason="early", requests=2)


def test_a_missing_value_in_a_branch_not_taken_passes() -> None:
    assert prompting.render("user_go_on", reason="leak").startswith("(Not yet")


def test_a_value_nobody_uses_is_an_error() -> None:
    with pytest.raises(InputError, match="does not use colour"):
        prompting.render("user_go_on", reason="leak", colour="red")


def test_an_unknown_prompt_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"There are: rubric, rubric_again, user, user_go_on"):
        prompting.render("no_such")


def test_the_version_tells_prompts_apart() -> None:
    assert prompting.version("user") == prompting.version("user")
    assert prompting.version("user") != prompting.version("rubric")
    assert len(prompting.version("user")) == 8
