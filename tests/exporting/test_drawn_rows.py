"""What the preview draws of a row: its messages, its tokens, and what is trained of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.exporting.chat_template import CHATML
from engine.exporting.preview.drawn_rows import DrawnPart, drawn, texts
from engine.exporting.preview.drawn_tokens import drawn_tokens
from engine.exporting.target import find, names, rule_of
from engine.exporting.tokenizer import ChatTokenizer, load
from engine.types import Recipe
from tests.samples.tokenizers import tokenizer_folder
from tests.samples.trajectories import attempts, shop_trajectory
from tests.samples.turns import assistant_turn
from tests.targets.rows import dialogues
from tests.targets.rows import rows as rows_of
from tests.targets.test_targets import ANSWERS, TURNS, rejected, rows, words
from tests.targets.trainers import WHOLE_DIALOGUES

WITHOUT_MESSAGES = ("bfcl", "openinference", "otel", "scores", "xlam")
"""Consumers whose rows hold no messages in columns of their own."""


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    return load(str(tokenizer_folder(tmp_path_factory.mktemp("tokenizer"))))


def rule(name: str) -> Any:
    shown = rule_of(name)
    return shown.trained if shown else None


def trained_text(parts: list[DrawnPart]) -> str:
    """Return all that is drawn as trained."""
    marked = [one for part in parts for one in part.messages if one.trained]
    return json.dumps([(one.text, one.calls) for one in marked])


@pytest.mark.parametrize("name", WHOLE_DIALOGUES)
@pytest.mark.parametrize("without", [(), (ANSWERS[0],), (ANSWERS[0], ANSWERS[2])])
def test_what_is_drawn_as_trained_is_what_the_trainer_trains(name: str, without: tuple[int, ...]) -> None:
    if name.partition("/")[0] in WITHOUT_MESSAGES:
        pytest.skip("its rows hold no messages")
    for untrained in find(name).untrained:
        found = rows(Recipe(target=name, untrained=untrained), reviews=rejected(*without))
        text = "".join(trained_text(drawn(row, rule(name))) for row in found)
        end = min([*without, len(TURNS)]) if untrained == "cut" else len(TURNS)
        for place, turn in enumerate(TURNS):
            wanted = turn.role == "assistant" and place not in without and place < end
            if wanted or name != "text/plain":  # all of a plain text is trained
                assert [word in text for word in words(turn)] == [wanted] * len(words(turn)), (untrained, place, text)


@pytest.mark.parametrize("name", names())
def test_the_rows_of_every_target_can_be_drawn(name: str) -> None:
    found = rows_of(name, dialogues())
    assert found
    for row in found:
        assert bool(drawn(row, rule(name))) != (name.partition("/")[0] in WITHOUT_MESSAGES)


def test_a_pair_is_drawn_side_by_side() -> None:
    for name in ("trl/dpo", "ms_swift/rejected", "nemo_rl/rank", "openai/dpo"):
        parts = {part.name: part.messages for part in drawn(rows_of(name, dialogues())[0], rule(name))}
        assert "Rejected" in parts
        assert not any(one.trained for one in parts["Rejected"])
        assert any(one.trained for part in parts.values() for one in part)


def test_without_a_target_the_marks_of_the_row_decide() -> None:
    (row,) = rows(Recipe(), reviews=rejected(ANSWERS[1]))
    (part,) = drawn(row)
    assert [place for place, one in enumerate(part.messages) if one.trained] == [
        place for place in ANSWERS if place != ANSWERS[1]
    ]
    assert part.messages[ANSWERS[0]].calls[0].name == "get_order"


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("name", ["trl", "axolotl", "ms_swift", "openai", "nemo_rl", "trl/dpo"])
def test_the_trained_tokens_are_those_of_trained_messages(name: str, tokenizer: ChatTokenizer) -> None:
    given = (
        [shop_trajectory(0, TURNS)]
        if name != "trl/dpo"
        else attempts("t", 0, TURNS, (*TURNS[:5], assistant_turn("no")))
    )
    for row in rows_of(name, given):
        found = drawn_tokens(row, tokenizer, rule(name))
        assert found.problem == ""
        assert found.trained is not None
        text = "".join(found.tokens)
        assert text.startswith("<|im_start|>tools")
        marked = "".join(token for token, is_trained in zip(found.tokens, found.trained, strict=True) if is_trained)
        parts = drawn(row, rule(name))
        messages = [one for part in parts for one in part.messages if part.name != "Rejected"]
        assert marked.count("<|im_end|>") == sum(bool(one.trained) for one in messages)
        for one in messages:
            assert not one.trained or one.text.strip() in marked
            assert all(call.name in marked for call in one.calls) or not one.trained


def test_the_tokens_are_the_text_of_the_template(tokenizer: ChatTokenizer) -> None:
    (row,) = rows(Recipe(target="nemo_rl"))
    found = drawn_tokens(row, tokenizer, rule("nemo_rl"))
    text = tokenizer.text(row["messages"], row["tools"])
    assert "".join(found.tokens) == text
    assert len(found.tokens) == tokenizer.count(text)


def test_characters_of_several_tokens_are_drawn_once(tokenizer: ChatTokenizer) -> None:
    row = {"prompt": "é店🙂", "completion": "ok"}
    found = drawn_tokens(row, tokenizer)
    assert "".join(found.tokens) == "é店🙂ok"
    assert len(found.tokens) == 2 + 3 + 4 + 2
    assert found.trained_count == 2


def test_rendered_text_is_counted_as_it_is(tokenizer: ChatTokenizer) -> None:
    for row in rows_of("text/template", [shop_trajectory(0, TURNS)]):
        found = drawn_tokens(row, tokenizer)
        assert texts(row) == [(row["prompt"], False), (row["completion"], True)]
        assert found.trained_count == tokenizer.count(row["completion"])


def test_a_template_that_rewrites_what_it_wrote_has_no_mask(tmp_path: Path) -> None:
    numbered = "{% for m in messages %}{{ loop.revindex }}{{ m.content }}{% endfor %}"
    found = drawn_tokens(rows(Recipe())[0], load(str(tokenizer_folder(tmp_path / "a", numbered))))
    assert found.trained is found.trained_count is None
    assert "no mask" in found.problem
    assert found.tokens
    refusing = CHATML + "{{ raise_exception('not today') }}"
    found = drawn_tokens(rows(Recipe())[0], load(str(tokenizer_folder(tmp_path / "b", refusing))))
    assert found.tokens == ()
    assert "not today" in found.problem


def test_rows_without_chat_messages_have_no_tokens(tokenizer: ChatTokenizer) -> None:
    (row,) = rows_of("llamafactory", [shop_trajectory(0, TURNS)])
    assert "no messages" in drawn_tokens(row, tokenizer, rule("llamafactory")).problem
