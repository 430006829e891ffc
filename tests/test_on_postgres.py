"""The whole workflow on PostgreSQL: a batch is planned, run by an engine, reviewed, analysed, exported, shown."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from engine.settings import CATALOG, PERSONAS
from engine.types import Batch, DomainShare, Recipe, TrajectoryFilter
from pages._ui.routes import BY_NAME
from storage.analysing import analytics
from storage.analysing.funnel import funnel
from storage.database import Database, open_database
from storage.designing import domains, personas
from storage.exporting import exports
from storage.generating import batches
from storage.reviewing import trajectories
from storage.reviewing.reviewer_tab import ReviewerTab
from storage.serving import requests
from tests.engines import ROOT, engine, surroundings, until
from tests.running.test_outages import checked, stored
from tests.storage.database_fixtures import postgres_server

__all__ = ["postgres_server"]

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
PLANNED = 24
BATCH = Batch(
    name="whole way",
    domains=(DomainShare(id="retail"), DomainShare(id="clinic")),
    trajectories=PLANNED,
    sandbox="local",
    concurrency=4,
)


@pytest.fixture
def address(postgres_server: str) -> Iterator[str]:
    """The address of a database in which nothing is, not even a table."""
    name = f"whole_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield f"{postgres_server.rsplit('/', 1)[0]}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def db(address: str) -> Iterator[Database]:
    found = open_database(address)
    assert found.dialect == "postgresql"
    domains.seed_catalog(found, CATALOG)
    personas.seed_personas(found, PERSONAS)
    yield found
    found.close()


@contextmanager
def working(home: Path, address: str) -> Iterator[None]:
    """An engine process over this database; it must end well when it is stopped."""
    process = engine(home, "local", address)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(20)


def asked(db: Database, kind: str, payload: dict[str, Any]) -> Any:
    """Ask something of the engine, as a page does, and return its answer."""
    number = requests.submit(db, kind, payload)
    found: list[requests.RequestRow] = []

    def answered() -> bool:
        row = requests.get_request(db, number)
        assert row is not None
        found[:] = [row]
        return row.status in ("done", "failed")

    until(answered, 30)
    assert found[0].error is None
    return found[0].result


def told(home: Path, address: str, *arguments: str) -> Any:
    """Run a command line that prints JSON, and return what it printed."""
    command = [sys.executable, "-m", "engine", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=surroundings(home, address=address), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def review(db: Database, batch: int) -> tuple[int, int]:
    """Accept one kept trajectory and reject another; return their numbers."""
    good, bad = (row.id for row in trajectories.page(db, kept_of(batch), sort="oldest", limit=2)[0])
    tab = ReviewerTab("me")
    tab.change(db, good, None, {"verdict": "accept", "note": "Well done."})
    tab.tag(db, good, None, {"example": True})
    tab.change(db, bad, None, {"verdict": "accept"})
    tab.change(db, bad, None, {"verdict": "reject"})
    return good, bad


def kept_of(batch: int) -> TrajectoryFilter:
    return TrajectoryFilter(batches=(batch,), statuses=("kept",))


def exported(archive: Path) -> list[str]:
    """Return the ids of the complete records that an export holds."""
    with zipfile.ZipFile(archive) as opened:
        files = [opened.read(name) for name in opened.namelist() if name.endswith(".jsonl")]
    return [json.loads(line)["id"] for data in files for line in data.splitlines()]


def pages_of(address: str, home: Path, patch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Return a function that draws a page of the studio over this database."""
    patch.setenv("TURNWRIGHT_HOME", str(home))
    patch.setenv("DATABASE_URL", address)

    def draw(name: str, **parameters: str) -> AppTest:
        test = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=30).run()
        test.switch_page(BY_NAME[name].file)
        for key, value in parameters.items():
            test.query_params[key] = value
        drawn = test.run()
        assert not drawn.exception
        return drawn

    return draw


@pytest.fixture
def draw(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    st.cache_data.clear()
    st.cache_resource.clear()
    yield pages_of(address, tmp_path, monkeypatch)
    st.cache_resource.clear()
    st.cache_data.clear()


def test_a_batch_goes_from_plan_to_export_on_postgresql(
    db: Database, address: str, tmp_path: Path, draw: Callable[..., AppTest]
) -> None:
    with working(tmp_path, address):
        batch = batches.create_batch(db, BATCH)
        until(lambda: batches.get_batch(db, batch).status == "done", 60)
        p = checked(db, batch)
        assert (p.kept + p.rejected, p.failed, p.waiting) == (PLANNED, 0, 0)
        assert p.kept >= PLANNED // 2
        good, bad = review(db, batch)
        number = exports.create_export(db, Recipe(format="trajectory", filter=TrajectoryFilter(batches=(batch,))))
        answer = asked(db, "build_export", {"export_id": number})
    assert answer["rows"] == p.kept - 1
    refused = trajectories.get(db, bad)
    assert refused is not None
    expected = sorted(t.id for t in stored(db, batch) if t.status == "kept" and t.id != refused.id)
    row = exports.get_export(db, number)
    assert row is not None
    assert sorted(exported(tmp_path / "exports" / str(row.path))) == expected
    the_analysis_agrees(db, address, tmp_path, batch, p.kept)
    the_pages_agree(draw, batch, p.kept, good)


def the_analysis_agrees(db: Database, address: str, home: Path, batch: int, kept: int) -> None:
    """In this process and on the command line: the same numbers, and those of the rows."""
    chosen = TrajectoryFilter(batches=(batch,))
    stages = funnel(db, chosen).set_index("stage")["count"]
    assert stages[["planned", "judged", "reviewed", "accepted", "exported"]].tolist() == [
        PLANNED, kept, kept - 1, 1, kept - 1,
    ]  # fmt: skip
    rewards = [t.reward for t in stored(db, batch) if t.reward is not None]
    assert analytics.mean(db, chosen)[0] == pytest.approx(sum(rewards) / len(rewards))
    printed = told(home, address, "analyze", "--batch", str(batch), "--by", "mode", "--json")
    assert {row["stage"]: row["count"] for row in printed["funnel"]} == stages.to_dict()
    assert sum(row["total"] for row in printed["mode"]) == PLANNED


def the_pages_agree(draw: Callable[..., AppTest], batch: int, kept: int, good: int) -> None:
    """Overview, queue and scores, drawn over this database, tell what is in it."""
    shown = {metric.label: metric.value for metric in draw("overview").metric}
    assert (shown["Trajectories"], shown["Kept"], shown["To review"]) == (str(PLANNED), str(kept), str(kept - 2))
    queue = draw("queue", filter='{"verdicts":["accept"],"tags":["example"]}')
    assert list(queue.dataframe[0].value["id"]) == [good]
    scores = draw("scores", filter=json.dumps({"batches": [batch]}))
    assert {metric.label: metric.value for metric in scores.metric}["Trajectories"] == str(PLANNED)
    assert len(scores.get("plotly_chart")) >= 2
