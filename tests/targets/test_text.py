"""Rendered text: each trained answer completes its prompt, in any chat template; plain text holds whole dialogues."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from tests.needs import missing
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import NESTED, PARALLEL, RECOVERED
from tests.targets.rows import lines, rows


def template(name: str) -> str:
    spec = find_spec("trl")
    if spec is None or not spec.submodule_search_locations:
        missing("trl is not installed: pip install --no-deps -r requirements-templates.txt")
    return (Path(next(iter(spec.submodule_search_locations))) / "chat_templates" / f"{name}.jinja").read_text()


def test_each_trained_answer_is_a_row_and_masked_ones_are_only_read() -> None:
    found = rows("text/template", [shop_trajectory(0, RECOVERED)])
    assert len(found) == 3
    assert not any("number" in row["completion"] for row in found)
    assert "number" in found[0]["prompt"]
    assert found[-1]["completion"] == "It costs 1.<|im_end|>\n"
    assert [found[n + 1]["prompt"].startswith(found[n]["prompt"] + found[n]["completion"]) for n in (0, 1)] == [
        True
    ] * 2


@pytest.mark.parametrize(
    "name", ["qwen3_training", "qwen2_5_training", "qwen3_5_think_training", "nemotron_3_nano_training"]
)
def test_the_text_is_what_transformers_renders(name: str) -> None:
    render = pytest.importorskip("transformers.utils.chat_template_utils").render_jinja_template
    text = template(name)
    (line, *_), _ = lines("text/template", [shop_trajectory(0, NESTED)], options={"template": text})
    row = json.loads(line)
    (chat,) = rows("trl", [shop_trajectory(0, NESTED)])
    tools: Any = json.loads(chat["tools"])
    theirs, _ = render([[*chat["prompt"]]], tools=tools, chat_template=text, add_generation_prompt=True)
    whole, _ = render([[*chat["prompt"], chat["completion"][0]]], tools=tools, chat_template=text)
    assert row["prompt"] == theirs[0]
    assert row["prompt"] + row["completion"] == whole[0]


def test_what_a_template_leaves_out_is_named() -> None:
    deaf = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    report = lines("text/template", [shop_trajectory(0, NESTED)], options={"template": deaf})[1]
    assert report["lost"] == {"calls": 1, "reasoning": 1}
    whole = lines("text/template", [shop_trajectory(0, NESTED)])[1]
    assert (whole["exported"], whole["lost"]) == (1, {})
    refusing = "{{ raise_exception('no tools') }}"
    assert lines("text/template", [shop_trajectory(0, NESTED)], options={"template": refusing})[1]["dropped"] == {
        "template_refuses_it": 1
    }


@pytest.mark.parametrize("bad", ["{% for", "{{ x | nonsense }}"])
def test_a_template_that_cannot_be_read_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="template"):
        lines("text/template", [shop_trajectory(0, NESTED)], options={"template": bad})


def test_a_template_reaches_nothing_of_the_engine() -> None:
    given = "{{ messages.__class__.__mro__ }}{{ add_generation_prompt }}"
    assert lines("text/template", [shop_trajectory(0, NESTED)], options={"template": given})[1]["exported"] == 0


def test_control_tokens_in_texts_are_counted() -> None:
    assert lines("text/template")[1]["changed"]["control_tokens_in_text"] >= 2


def test_plain_text_holds_requests_calls_and_results() -> None:
    (row,) = rows("text/plain", [shop_trajectory(0, PARALLEL)])
    assert row["text"].splitlines()[2] == "User: Compare orders #W1 and #W2."
    assert 'Call: get_order {"id":"#W1"}\nCall: get_order {"id":"#W2"}' in row["text"]
    assert 'Result of get_order: {"price": 20.5}' in row["text"]
