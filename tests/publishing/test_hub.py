"""Push to a server that speaks the hub's protocol and pull from it, with huggingface_hub's own code."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import InputError, StorageError
from engine.exporting.build import build
from engine.publishing.pull import data_files, format_of, pull
from engine.publishing.push import push
from engine.types import Recipe
from tests.exporting.export_steps import entries
from tests.publishing.hub_server import TOKEN, Hub, hub_server
from tests.samples.trajectories import mixed_trajectories

pytest.importorskip("huggingface_hub")
REPO = "someone/shop"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with hub_server() as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        # made of the endpoint when huggingface_hub is imported
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", "")
        monkeypatch.setenv("MY_TOKEN", TOKEN)
        yield server


@pytest.fixture
def export(tmp_path: Path) -> Path:
    recipe = Recipe(target="hf_repo", name="shop", splits={"train": 0.5, "validation": 0.5})
    return build(recipe, entries(mixed_trajectories()), tmp_path / "zip").path


def contents(export: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(export) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_push_makes_a_private_repository_and_a_pull_brings_it_back(hub: Hub, export: Path, tmp_path: Path) -> None:
    address = push(export, f"hf:{REPO}", variable="MY_TOKEN")
    found = hub.repositories[REPO]
    assert found.private
    assert found.branches["main"] == contents(export)
    assert len(found.commits) == 1
    assert address.startswith(f"{hub.url}/datasets/{REPO}/tree/")
    pull(f"hf:{REPO}", tmp_path / "back", variable="MY_TOKEN")
    assert {name: (tmp_path / "back" / name).read_bytes() for name in contents(export)} == contents(export)
    assert [path.name for path in data_files(tmp_path / "back")] == ["train.jsonl", "validation.jsonl"]
    assert format_of(tmp_path / "back") == "chat_jsonl"


def test_what_has_arrived_is_not_sent_again(hub: Hub, export: Path) -> None:
    hub.break_at = 2
    with pytest.raises((InputError, StorageError)):
        push(export, f"hf:{REPO}", variable="MY_TOKEN")
    assert hub.repositories[REPO].branches["main"] == {}, "nothing shows before all has arrived"
    (arrived,) = hub.objects
    push(export, f"hf:{REPO}", variable="MY_TOKEN")
    assert hub.uploads.count(arrived) == 1
    assert hub.repositories[REPO].branches["main"] == contents(export)


def test_a_branch_may_be_named(hub: Hub, export: Path, tmp_path: Path) -> None:
    push(export, f"hf:{REPO}@draft", variable="MY_TOKEN")
    assert hub.repositories[REPO].branches == {"main": {}, "draft": contents(export)}
    pull(f"hf:{REPO}@draft", tmp_path / "back", variable="MY_TOKEN")
    assert (tmp_path / "back" / "README.md").is_file()
    with pytest.raises(InputError, match="no branch, tag or commit 'other'"):
        pull(f"hf:{REPO}@other", tmp_path / "none", variable="MY_TOKEN")


def test_a_public_repository_is_not_written_to_unasked(hub: Hub, export: Path) -> None:
    push(export, f"hf:{REPO}", variable="MY_TOKEN", public=True)
    assert not hub.repositories[REPO].private
    hub.repositories[REPO].branches["main"].clear()
    with pytest.raises(InputError, match=r"is public.*--public"):
        push(export, f"hf:{REPO}", variable="MY_TOKEN")
    assert hub.repositories[REPO].branches["main"] == {}


@pytest.mark.parametrize(
    ("address", "variable", "told"),
    [
        ("hf:somebody/else", "MY_TOKEN", "MY_TOKEN: holds a token that the hub refuses.*may write somebody/else"),
        (f"hf:{REPO}", "WRONG_TOKEN", "WRONG_TOKEN: holds a token that the hub refuses"),
        (f"hf:{REPO}", "NO_TOKEN", "NO_TOKEN: is not set"),
        (f"hf:{REPO}", "HF_TOKEN", "HF_TOKEN: is not set, and the hub wants a token"),
        ("hf:some--one/shop", "MY_TOKEN", "no name of a repository"),
    ],
)
def test_a_refusal_names_the_next_move_and_no_token(
    hub: Hub, export: Path, monkeypatch: pytest.MonkeyPatch, address: str, variable: str, told: str
) -> None:
    monkeypatch.setenv("WRONG_TOKEN", "hf_wrong" + "w" * 20)
    with pytest.raises(InputError, match=told) as refused:
        push(export, address, variable=variable)
    assert "hf_" not in str(refused.value)


def test_a_token_in_place_of_its_variable_is_refused_and_not_repeated(hub: Hub, export: Path) -> None:
    with pytest.raises(InputError, match="no name of an environment variable") as refused:
        push(export, f"hf:{REPO}", variable=TOKEN)
    assert TOKEN not in str(refused.value)


def test_a_pull_of_nothing_is_told(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not on the hub.*set MY_TOKEN"):
        pull("hf:someone/nothing", tmp_path / "x", variable="MY_TOKEN")


def test_a_hub_that_does_not_answer_is_told(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    with pytest.raises(StorageError, match="cannot be reached"):
        push(export, f"hf:{REPO}", variable="MY_TOKEN")
