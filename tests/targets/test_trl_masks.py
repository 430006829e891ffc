"""Which tokens TRL trains in an export for it: TRL's own code tokenises the rows and makes the labels.

TRL's functions and its training templates, whose markers say what the assistant wrote, are read as data from the
package (requirements-templates.txt), as its own requirements pull torch.
"""

from __future__ import annotations

import ast
import json
import logging
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from engine.exporting.convert import Conversion
from engine.exporting.json import dump_bytes
from engine.types import Recipe, Review, Tool, Turn
from tests.exporting.export_steps import entries
from tests.needs import missing
from tests.samples.tools import SHOP
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import SYSTEM, assistant_turn, calling_turn, result_turn, user_turn

pytest.importorskip("transformers.utils.chat_template_utils")

WITHOUT_TOOLS = {
    "cohere_training", "cohere2_training", "deepseek_r1_distill_training", "gemma_training", "gemma3_training",
    "idefics3_training", "lfm2_training", "llama3_training", "llava_next_training", "phi3_training", "phi3_5_training",
    "qwen2_5_vl_training", "smolvlm_training",
}  # fmt: skip
"""Templates that know no results of tools, or write none of what is called; they are asked about texts only."""
WITHOUT_SYSTEM = {"cohere_training", "cohere2_training", "gemma_training", "gemma3_training", "llava_next_training"}
IN_PARTS = {"idefics3_training", "llava_next_training", "smolvlm_training"}
"""Templates of models that see: TRL hands them each content as a list of parts."""


def package() -> Path:
    """Return the folder of TRL; in CI its absence is a failure, else a loud skip."""
    spec = find_spec("trl")
    if spec is None or not spec.submodule_search_locations:
        missing("trl is not installed: pip install --no-deps -r requirements-templates.txt")
    return Path(next(iter(spec.submodule_search_locations)))


def training_templates() -> list[str]:
    spec = find_spec("trl")
    if spec is None or not spec.submodule_search_locations:
        return ["qwen3_training"]
    folder = Path(next(iter(spec.submodule_search_locations))) / "chat_templates"
    return sorted(path.stem for path in folder.glob("*_training.jinja"))


@lru_cache
def theirs() -> dict[str, Any]:
    """Return the functions of TRL's SFTTrainer that tokenise an example and make its labels."""
    data_utils = pytest.importorskip("trl.data_utils")
    tree = ast.parse((package() / "trainer" / "sft_trainer.py").read_text())
    wanted = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in ("tokenize_fn", "build_labels")]
    assert len(wanted) == 2, "TRL has moved its functions"
    found: dict[str, Any] = {"json": json, "logger": logging.getLogger("trl")}
    found |= {name: getattr(data_utils, name) for name in ("_tokenize", "is_conversational", "common_prefix_length")}
    found["logger"].warning_once = found["logger"].warning
    exec(compile(ast.Module(wanted, []), "sft_trainer", "exec"), found)
    return found


@lru_cache
def tokenizer() -> Any:
    """Return a tokenizer in memory whose tokens are bytes, so that any text can be read back from some of them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    whole = Tokenizer(models.BPE(vocab=letters, merges=[]))
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=whole, bos_token="<s>", eos_token="</s>", pad_token="</s>")


def trained_text(row: dict[str, Any], template: str) -> str:
    """Return what TRL trains of a row with the settings of the target; what it leaves out is a gap of ⋯."""
    source = (package() / "chat_templates" / f"{template}.jinja").read_text()
    if template in IN_PARTS:
        row = {name: _in_parts(value) if isinstance(value, list) else value for name, value in row.items()}
    made_of = theirs()["tokenize_fn"](
        row, tokenizer(), dataset_text_field="text", assistant_only_loss=True, chat_template=source
    )
    masks = [name for name in ("completion_mask", "assistant_masks") if name in made_of]
    labels = theirs()["build_labels"](made_of, masks)["labels"]
    stretches: list[list[int]] = [[]]
    for label in labels:
        if label == -100:
            stretches.append([])
        else:
            stretches[-1].append(label)
    return "⋯".join(tokenizer().decode(stretch) for stretch in stretches if stretch)


def _in_parts(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**message, "content": [{"type": "text", "text": message["content"]}]} for message in messages]


def rows(turns: tuple[Turn, ...], reviews: list[Review], tools: tuple[Tool, ...] = SHOP, **recipe: Any) -> list[Any]:
    """Return the rows that leave for TRL, read back from JSON as its loader does."""
    (entry,) = entries([shop_trajectory(0, turns, tools)], {0: reviews})
    return [json.loads(dump_bytes(row)) for row in Conversion(Recipe(**recipe)).record_and_rows(*entry[1:])[1].rows]


def rejected(*turns: int) -> list[Review]:
    return [Review(trajectory=0, turn=turn, verdict="reject") for turn in turns]


ASKED = (SYSTEM, user_turn("ask-one"))
WITH_TOOLS = (
    *ASKED,
    calling_turn(("c1", "get_order", {"id": "call-one"})),
    result_turn("c1", "get_order", "result-one"),
    assistant_turn("answer-one"),
    user_turn("ask-two"),
    calling_turn(("c2", "get_order", {"id": "call-two"})),
    result_turn("c2", "get_order", "result-two"),
    assistant_turn("answer-two"),
)
TEXTS = (
    *ASKED,
    assistant_turn("answer-one"),
    user_turn("ask-two"),
    assistant_turn("answer-two"),
    user_turn("ask-three"),
    assistant_turn("answer-three"),
)


def words(turn: Turn) -> str:
    return str(turn.tool_calls[0].arguments["id"]) if turn.tool_calls else turn.content


def answers(turns: tuple[Turn, ...]) -> list[int]:
    return [place for place, turn in enumerate(turns) if turn.role == "assistant"]


def check(template: str, turns: tuple[Turn, ...], without: tuple[int, ...]) -> None:
    """Assert that TRL trains all turns of the assistant but those `without`, each once, and nothing else."""
    if template in WITHOUT_SYSTEM:
        turns, without = turns[1:], tuple(place - 1 for place in without)
    tools = SHOP if any(turn.tool_calls for turn in turns) else ()
    text = "⋯".join(trained_text(row, template) for row in rows(turns, rejected(*without), tools, target="trl"))
    for place, turn in enumerate(turns):
        trained = turn.role == "assistant" and place not in without
        assert text.count(words(turn)) == trained, (template, turn, text)


@pytest.mark.parametrize("template", training_templates())
def test_trl_trains_no_turn_that_was_rejected_and_every_other_one(template: str) -> None:
    turns = TEXTS if template in WITHOUT_TOOLS else WITH_TOOLS
    places = answers(turns)
    check(template, turns, ())
    for place in places:
        check(template, turns, (place,))
    check(template, turns, (places[0], places[2]))


def test_the_same_dialogue_without_a_target_is_trained_whole_by_trl() -> None:
    """Which is why there are targets: nothing but the mask differs."""
    (row,) = rows(WITH_TOOLS, rejected(4))
    assert row["messages"][4]["train"] is False
    assert "answer-one" in trained_text(row, "qwen3_training")
    assert "answer-one" not in "".join(
        trained_text(row, "qwen3_training") for row in rows(WITH_TOOLS, rejected(4), target="trl")
    )


def test_what_a_reviewer_rejects_may_also_end_the_dialogue_for_trl() -> None:
    (row,) = rows(WITH_TOOLS, rejected(4), target="trl", untrained="cut")
    text = trained_text(row, "qwen3_training")
    assert "call-one" in text
    assert not any(word in text for word in ("answer-one", "call-two", "answer-two"))


def test_a_call_that_its_schema_refused_is_read_and_not_trained() -> None:
    turns = (*ASKED, WITH_TOOLS[2].model_copy(update={"train": False}), *WITH_TOOLS[3:5])
    (row,) = rows(turns, [], target="trl")
    assert trained_text(row, "qwen3_training").count("answer-one") == 1
    assert "call-one" not in trained_text(row, "qwen3_training")
