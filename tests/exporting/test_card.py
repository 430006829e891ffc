"""The dataset card: what it measures, that its front matter is the hub's, and that its snippets run."""

from __future__ import annotations

import hashlib
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import VERSION
from engine.exporting.build import build
from engine.exporting.card.card_facts import EVERY_FURTHER, FIRST_OF_BATCH
from engine.hygiene.language import language_of
from engine.planning.batch_file import parse_batch
from engine.types import TOKENS, Attachment, Batch, Choice, DomainShare, Endpoint, Recipe, Score, Trajectory
from tests.exporting.export_steps import entries
from tests.samples.trajectories import mixed_trajectories, shop_trajectory
from tests.samples.turns import PARALLEL, assistant_turn, calling_turn, result_turn, user_turn

HALVES = {"train": 0.5, "validation": 0.5}
GERMAN = "Guten Tag, ich möchte bitte meine Bestellung stornieren, weil ich sie nicht mehr brauche."
ENGLISH = "Hello, I would like to cancel my order please, because I do not need it any more."


def unpacked(tmp_path: Path, given: list[Trajectory], recipe: Recipe | None = None, **known: Any) -> Path:
    """Return the folder of an export, unpacked."""
    made = build(recipe or Recipe(splits={"train": 1.0}), entries(given), tmp_path / "zips", **known)
    with zipfile.ZipFile(made.path) as archive:
        archive.extractall(tmp_path / "set")
    return tmp_path / "set"


def body(folder: Path) -> str:
    return (folder / "README.md").read_text().split("---\n", 2)[2]


def front(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    return found


def saying(index: int, *texts: str, **changes: Any) -> Trajectory:
    turns = [user_turn(text) if place % 2 == 0 else assistant_turn(text) for place, text in enumerate(texts)]
    return shop_trajectory(index, tuple(turns), **changes)


# ---------------------------------------------------------------- what is measured


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("我想取消我的订单，因为我不再需要它了。", "zh"),
        ("Bonjour, je voudrais annuler ma commande, parce que je n'en ai plus besoin.", "fr"),
        ("ORD-4711", None),
        ("", None),
    ],
)
def test_the_language_of_a_text(text: str, code: str | None) -> None:
    assert language_of(text) == code


def test_languages_are_measured_on_what_is_said(tmp_path: Path) -> None:
    given = [saying(n, f"{ENGLISH} {n}", ENGLISH) for n in range(2)]
    given += [saying(n, f"{GERMAN} {n}", GERMAN) for n in range(2, 5)]
    folder = unpacked(tmp_path, [*given, saying(5, "4711", "0815")])
    assert front(folder)["language"] == ["de", "en"]
    text = body(folder)
    assert {"| de | 3 |", "| en | 2 |", "| unclear | 1 |"} <= set(text.splitlines())
    assert "Measured on what user and assistant say in all trajectories." in text


def test_in_large_batches_a_part_is_measured_and_said_to_be(tmp_path: Path) -> None:
    places = [0, FIRST_OF_BATCH, FIRST_OF_BATCH + 1, FIRST_OF_BATCH + EVERY_FURTHER]
    text = body(unpacked(tmp_path, [saying(n, f"{ENGLISH} {n}", ENGLISH) for n in places]))
    assert f"in 3 of 4 trajectories: the first {FIRST_OF_BATCH} of each batch, and every {EVERY_FURTHER}th" in text


def test_lengths_are_counted_and_tokens_where_they_are_known(tmp_path: Path) -> None:
    told = Attachment(turn=1, kind=TOKENS, value={"ids": [1, 2, 3]})
    turns = (user_turn("ab"), calling_turn(("c", "get_order", {"id": "1"})), result_turn("c", "get_order", "xyz"))
    longer = shop_trajectory(9, (*turns, assistant_turn("ok")), attachments=(told,))  # one answer of two is told
    given = [saying(n, "abc", "d" * n, attachments=(told,)) for n in range(1, 10)]
    text = body(unpacked(tmp_path, [*given, longer]))
    assert "| messages | 2 | 2 | 4 | 10 |" in text
    assert "| tool calls | 0 | 0 | 1 | 10 |" in text
    assert "| characters | 7 | 11 | 12 | 10 |" in text
    assert "| tokens of the assistant | 3 | 3 | 3 | 9 |" in text
    assert "not known of any" not in text


def test_judges_are_named_with_their_models_and_what_they_left_open(tmp_path: Path) -> None:
    def scored(index: int, value: float | None, model: str) -> Trajectory:
        one = Score(name="polite", value=value, reason="r", source="rubric", method="model", model=model, version="3")
        return saying(index, f"Question {index}?", "Answer.", scores=(one,), models={"judge": model})

    text = body(unpacked(tmp_path, [scored(0, 1.0, "judge-a"), scored(1, None, "judge-a"), scored(2, 0.5, "judge-b")]))
    assert "| polite | rubric | model | judge-a | 3 | 1 | 1 |" in text
    assert "| polite | rubric | model | judge-b | 3 | 1 | 0 |" in text
    assert "| judge-a | 2 |" in text


def test_files_are_listed_with_rows_bytes_and_hashes(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, mixed_trajectories(), Recipe(splits=HALVES))
    text, info = body(folder), front(folder)["dataset_info"]
    assert {one["name"] for one in info["splits"]} == set(HALVES)
    for one in info["splits"]:
        data = (folder / f"{one['name']}.jsonl").read_bytes()
        rows, digest = len(data.splitlines()), hashlib.sha256(data).hexdigest()
        assert (one["num_examples"], one["num_bytes"]) == (rows, len(data))
        assert f"| {one['name']}.jsonl | {one['name']} | {rows} | {len(data)} | `{digest}` |" in text


def test_limits_say_what_was_not_measured(tmp_path: Path) -> None:
    given = [saying(0, "One?", "1.", outcome="unmeasured"), saying(1, "Two?", "2.", teacher="reference")]
    text = body(unpacked(tmp_path, given))
    assert "was not measured in 1 of 2 trajectories" in text
    assert "1 of 2 trajectories hold no words of a model" in text


def test_a_target_is_named_with_what_it_was_tried_with(tmp_path: Path) -> None:
    text = body(unpacked(tmp_path, mixed_trajectories(), Recipe(target="trl", splits=HALVES)))
    assert "- TRL (trl 1.16.0): its own code reads our rows in a test." in text
    assert f"- Turnwright {VERSION}" in text


# ---------------------------------------------------------------- batches


def batch() -> Batch:
    private: dict[str, Any] = {"temperature_base_url": "http://10.0.0.9", "extra_headers": {"X": "secret-1"}, "seed": 4}
    private |= {"extra": {"headers": {"Authorization": "Bearer secret-1"}}, "vertex_credentials": 5}
    private |= {"gateway": "http://10.0.0.9", "mode": "tools"}
    model = Endpoint(model="m", api_base="http://10.0.0.9:8000/v1", key_variable="MY_KEY", options=private)
    return Batch(
        name="Shop & more", domains=(DomainShare(id="shop", digest="d"),), teacher=Choice(name="llm"),
        user=Choice(name="llm"), models={"teacher": model, "user": model}, panel=(model,), seed=7, plan_version=2,
    )  # fmt: skip


def test_the_batch_files_that_are_known_are_inside_without_addresses(tmp_path: Path) -> None:
    launched = batch()
    given = [saying(0, "One?", "1.", batch_fingerprint=launched.fingerprint), saying(1, "Two?", "2.")]
    known = {launched.fingerprint: launched}
    folder = unpacked(tmp_path, given, batches_of=lambda _: known)
    (file,) = (folder / "batches").iterdir()
    assert file.name == f"shop-more-{launched.fingerprint[:8]}.yaml"
    assert f"- `python -m engine run batches/{file.name}`" in body(folder)
    again = parse_batch(file.read_bytes(), file.name)
    assert (again.seed, again.plan_version, again.name) == (7, 2, "Shop & more")
    assert again.models["teacher"].key_variable == "MY_KEY"
    assert again.models["teacher"].options == {"seed": 4, "mode": "tools"}
    for path in folder.rglob("*"):
        assert path.is_dir() or not re.search(rb"10\.0\.0\.9|secret-1", path.read_bytes()), path.name


def test_without_known_batches_the_card_speaks_of_none(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, [saying(0, "One?", "1.")])
    assert not (folder / "batches").exists()
    assert "engine run" not in body(folder)


# ---------------------------------------------------------------- the hub's reader, and the snippets


def test_the_hub_reads_the_front_matter(tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    folder = unpacked(tmp_path, mixed_trajectories(), Recipe(splits=HALVES, licence="CC-BY-4.0", name="Shop: ü"))
    card = hub.DatasetCard.load(folder / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.pretty_name == "Shop: ü"
    assert card.data.language == ["en"]
    assert card.data.size_categories == ["n<1K"]
    assert card.text.strip().startswith("# Shop: ü")


@pytest.mark.parametrize(
    "recipe", [{}, {"format": "trajectory"}, {"target": "llamafactory"}, {"target": "bfcl/question"}]
)
def test_the_snippets_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: dict[str, Any]
) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    rich = [shop_trajectory(n, PARALLEL) for n in range(2)] + [saying(n, f"Question {n}?", "Yes.") for n in range(2, 9)]
    folder = unpacked(tmp_path, rich, Recipe(splits=HALVES, **recipe))
    loading, reading = re.findall(r"```python\n(.*?)\n```", body(folder), re.DOTALL)[:2]
    monkeypatch.chdir(folder)
    given: dict[str, Any] = {}
    exec(loading, given)
    counts = {one["name"]: one["num_examples"] for one in front(folder)["dataset_info"]["splits"]}
    assert {split: len(rows) for split, rows in given["data"].items()} == counts
    exec(reading, given)
    assert len(given["rows"]) == counts["train"]
