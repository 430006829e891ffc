"""The rows rendered with the chat templates of real models, in the environment that trainers render with.

The templates are read as data from the package trl (requirements-templates.txt).
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from engine.types import Turn
from tests.exporting.export_steps import exported
from tests.needs import missing
from tests.samples.tools import BANK, SHOP
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import EMPTY, NESTED, NO_TOOL, PARALLEL, RECOVERED

utils = pytest.importorskip("transformers.utils.chat_template_utils")

PARALLEL_TEMPLATES = ("qwen2_5", "qwen3", "qwen3_training", "qwen3_instruct_2507", "glm4moe", "nemotron_3_nano")
ONE_CALL_TEMPLATES = ("llama3_1", "gptoss")


def folder() -> Path:
    """Return the folder of templates; in CI its absence is a failure, else a loud skip."""
    spec = find_spec("trl")
    if spec is None or not spec.submodule_search_locations:
        missing("trl is not installed: pip install --no-deps -r requirements-templates.txt")
    return Path(next(iter(spec.submodule_search_locations))) / "chat_templates"


@lru_cache
def tokenizer() -> Any:
    """Return a tiny tokenizer; only its way to render is used."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    return PreTrainedTokenizerFast(
        tokenizer_object=vocabulary, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )


def render(template: str, turns: tuple[Turn, ...], tools: Any = SHOP, **options: Any) -> str:
    """Return the text a trainer would see for the exported row of these turns."""
    row = json.loads(json.dumps(exported("chat_jsonl", [shop_trajectory(0, turns, tools)], **options)[0][0]))
    source = (folder() / f"{template}.jinja").read_text()
    text = tokenizer().apply_chat_template(
        row["messages"], tools=json.loads(row["tools"]), chat_template=source, tokenize=False
    )
    assert isinstance(text, str)
    return text


def values(arguments: Any) -> list[str]:
    """Return the leaf values of arguments as a template may write them."""
    if isinstance(arguments, dict):
        return [text for value in arguments.values() for text in values(value)]
    if isinstance(arguments, list):
        return [text for value in arguments for text in values(value)]
    return [arguments] if isinstance(arguments, str) else []


DIALOGUES = {
    "parallel": (PARALLEL, SHOP),
    "nested": (NESTED, SHOP),
    "empty": (EMPTY, BANK),
    "recovered": (RECOVERED, SHOP),
}


@pytest.mark.parametrize("template", PARALLEL_TEMPLATES)
@pytest.mark.parametrize("name", DIALOGUES)
def test_calls_results_and_answers_are_all_in_the_text(template: str, name: str) -> None:
    turns, tools = DIALOGUES[name]
    text = render(template, turns, tools)
    called = [call for turn in turns for call in turn.tool_calls]
    for call in called:
        assert call.name in text
        for value in values(call.arguments):
            assert value in text or json.dumps(value)[1:-1] in text
    for turn in turns:
        if turn.role in ("user", "tool"):
            assert turn.content in text
    assert turns[-1].content in text


@pytest.mark.parametrize("template", PARALLEL_TEMPLATES)
def test_two_tool_sets_with_the_same_argument_names_do_not_mix(template: str) -> None:
    for turns, tools, foreign in ((NESTED, SHOP, "get_balance"), (EMPTY, BANK, "set_price")):
        assert foreign not in render(template, turns, tools)
    assert "null" not in render(template, NESTED, SHOP).lower()
    assert "None" not in render(template, NESTED, SHOP)


def test_arguments_are_objects_in_the_text_and_not_quoted_twice() -> None:
    text = render("qwen2_5", NESTED)
    assert '"arguments": {"id": 12, "value": 20.5' in text
    assert '"arguments": {}' in render("qwen2_5", EMPTY, BANK)
    assert '"note": null' in render("qwen2_5", EMPTY, BANK)


@pytest.mark.parametrize("template", ONE_CALL_TEMPLATES)
def test_serial_rows_suit_templates_that_take_one_call_a_turn(template: str) -> None:
    text = render(template, PARALLEL, parallel="serial")
    assert text.count("#W1") >= 2
    assert text.count("#W2") >= 2
    assert '{"price": 21}' in text or json.dumps('{"price": 21}') in text


def test_reasoning_reaches_the_text_in_either_form() -> None:
    assert "The user gave all values." not in render("qwen2_5", NESTED)
    assert "<think>\nThe user gave all values.\n</think>" in render("qwen2_5", NESTED, reasoning="think")
    assert "Confirm it." in render("qwen3", NESTED)


@pytest.mark.parametrize("template", PARALLEL_TEMPLATES)
def test_a_dialogue_without_calls_renders(template: str) -> None:
    text = render(template, NO_TOOL)
    assert "Do you ship abroad?" in text
    assert "No, within the country only." in text
