"""A tokenizer of one's own: where it is found, that it counts as transformers does, what a template leaves out."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.exporting.chat_template import CHATML, renderer
from engine.exporting.content import tool_schemas
from engine.exporting.messages import MessageForm
from engine.exporting.preview.template_losses import LOSSES, losses, sentence
from engine.exporting.record import record_of
from engine.exporting.tokenizer import load
from tests.needs import missing
from tests.samples.tokenizers import tokenizer_folder
from tests.samples.trajectories import mixed_trajectories, shop_trajectory
from tests.samples.turns import NESTED


def shipped(name: str) -> str:
    """Return the text of a chat template that the package trl ships."""
    spec = find_spec("trl")
    if spec is None or not spec.submodule_search_locations:
        missing("trl is not installed: pip install --no-deps -r requirements-templates.txt")
    return (Path(next(iter(spec.submodule_search_locations))) / "chat_templates" / f"{name}.jinja").read_text()


@pytest.mark.parametrize("name", [None, "qwen3", "llama3_1"])
def test_it_counts_what_transformers_counts(tmp_path: Path, name: str | None) -> None:
    transformers = pytest.importorskip("transformers")
    folder = tokenizer_folder(tmp_path / "mine", shipped(name) if name else CHATML, bos_token="<|im_start|>")
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(str(folder))
    ours = load(str(folder))
    compared = 0
    for trajectory in mixed_trajectories():
        record = record_of(trajectory)
        messages: Any = MessageForm().messages(record.turns)
        tools = tool_schemas(record.tools)
        try:
            text = theirs.apply_chat_template(messages, tools=tools, tokenize=False)
        except Exception:  # llama3_1 refuses parallel calls
            continue
        ids = theirs(text, add_special_tokens=False, truncation=False)["input_ids"]
        assert ours.count(ours.text(messages, tools)) == len(ids), trajectory.id
        compared += 1
    assert compared > 3


def test_a_file_a_folder_and_a_package_are_found(tmp_path: Path) -> None:
    folder = tokenizer_folder(tmp_path / "mine")
    assert load(str(folder)).name == load(str(folder / "tokenizer.json")).name == "mine"
    assert load(str(folder)).digest == load(str(folder / "tokenizer.json")).digest
    packaged = load("litellm:anthropic_tokenizer.json")
    assert packaged.count("two words") == 2
    assert packaged.templates == {}
    assert packaged.text([{"role": "user", "content": "Hi."}], None) == "<|im_start|>user\nHi.<|im_end|>\n"


def test_the_template_with_tools_is_used_where_there_are_tools(tmp_path: Path) -> None:
    named = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools{{ eos_token }}"}]
    found = load(str(tokenizer_folder(tmp_path, None, chat_template=named)))
    assert found.text([], None) == "plain"
    assert found.text([], [{}]) == "tools<|im_end|>"


def test_a_changed_template_is_read_again(tmp_path: Path) -> None:
    folder = tokenizer_folder(tmp_path)
    assert load(str(folder)).text([{"role": "user", "content": "Hi."}], None)
    (folder / "chat_template.jinja").write_text("another one")
    assert load(str(folder)).text([], None) == "another one"


@pytest.mark.parametrize("reference", ["", " ", "no/such/file", "no-such-package", "a\0b", "x" * 5000, "json"])
def test_what_is_no_tokenizer_is_refused_with_the_ways_to_name_one(reference: str) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        load(reference)


def test_broken_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"model": 1}')
    with pytest.raises(InputError, match="no tokenizer"):
        load(str(tmp_path))
    folder = tokenizer_folder(tmp_path / "config")
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        load(str(folder))


def test_no_code_beside_a_tokenizer_is_run(tmp_path: Path) -> None:
    """transformers would ask whether to trust it; here there is nothing that could import it."""
    folder = tokenizer_folder(tmp_path, auto_map={"AutoTokenizer": ["tokens.Mine", None]})
    (folder / "tokens.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert load(str(folder)).count("ab") == 2
    assert not (tmp_path / "ran").exists()


# ---------------------------------------------------------------- what a template leaves out


def test_our_own_template_leaves_nothing_out() -> None:
    assert losses(renderer(CHATML)) == ()


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("llama3", ("tools", "calls", "reasoning")),
        ("llama3_1", ("parallel_calls", "text_beside_call", "reasoning")),
        ("deepseek_r1_distill", ("tools", "calls", "reasoning")),
        ("qwen2_5", ("reasoning",)),
        ("qwen3", ("earlier_reasoning", "stable_prefix")),
        ("qwen3_training", ()),
    ],
)
def test_templates_of_models_lose_what_they_are_known_to_lose(name: str, lost: tuple[str, ...]) -> None:
    assert losses(renderer(shipped(name))) == lost
    assert all(LOSSES[one] in sentence(lost) for one in lost)


def test_what_a_template_loses_is_missing_in_a_real_dialogue() -> None:
    record = record_of(shop_trajectory(0, NESTED))
    messages, tools = MessageForm().messages(record.turns), tool_schemas(record.tools)
    calls = [json.dumps(call.arguments, ensure_ascii=False) for turn in record.turns for call in turn.tool_calls]
    assert calls
    assert all(call in renderer(CHATML)(messages, tools, False) for call in calls)
    assert not any(call in renderer(shipped("llama3"))(messages, tools, False) for call in calls)
