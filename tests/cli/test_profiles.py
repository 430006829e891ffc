"""What commands say of models that were tried, and of those that were not."""

from __future__ import annotations

from typing import Any

import pytest

from cli.batches import _as_tried
from cli.installation import _saved_models
from engine.types import Choice, Endpoint, Profile, endpoint_key
from storage.database import Database
from storage.generating import endpoints
from tests.samples.batches import batch_of

MODEL = Endpoint(model="m", llm="openai_compatible", api_base="http://127.0.0.1:9/v1")


def save(db: Database, **found: Any) -> None:
    endpoints.save_endpoint(db, "mine", MODEL, None, Profile(made_at=1.0, made_for=endpoint_key(MODEL), **found))


def test_a_run_warns_and_asks_for_one_call_where_several_break(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = batch_of("ledger", teacher=Choice(name="llm"), models={"teacher": MODEL})
    assert _as_tried(db, batch) == batch
    assert capsys.readouterr().out.startswith("not tried yet: the model of teacher.")
    save(db, tools=False, parallel="broken")
    assert _as_tried(db, batch).models["teacher"].parallel_calls == "forbid"
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["warning", "note"]
    assert "did not use a tool" in lines[0]


def test_a_run_of_the_reference_says_nothing(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    batch = batch_of("ledger")
    assert _as_tried(db, batch) is batch
    assert capsys.readouterr().out == ""


def test_check_lists_what_saved_models_can_do(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    endpoints.save_endpoint(db, "new", MODEL.model_copy(update={"model": "n"}), None)
    save(db, tools=True, parallel="together", json_schema=False, context_length=1024)
    _saved_models(db)
    first, *more, last = capsys.readouterr().out.splitlines()
    assert first == ("model     mine: tools, several calls at once, no JSON schema, context 1,024")
    assert sum("no JSON by a schema" in line for line in more) == 2
    assert sum("nothing is left for the dialogue" in line for line in more) == 3
    assert last == "model     new: not tried yet. Make a test call under Settings."
