"""app.py as a process: routes, the engine beside it, and what is left after it stops."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from engine.types import ExportOutcome, Recipe
from pages.export.parts.downloads import export_url
from storage.exporting.exports import create_export, finish_export
from storage.serving.engines import EngineRow, engines, newest
from tests.e2e.conftest import Studio, until


def fetch(address: str) -> tuple[int, Message, bytes]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def test_health_answers_without_an_engine(studio: Studio) -> None:
    status, _, body = fetch(f"{studio.url}/api/health")
    assert (status, json.loads(body)) == (200, {"ok": True, "database": "ok", "engine": None})


def test_a_signed_link_streams_the_export(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(studio.home))
    number = create_export(studio.database, Recipe(name="demo"))
    link = f"{studio.url}{export_url(number)}"
    assert fetch(link)[0] == 404
    file = studio.home / "exports" / str(number) / "demo.zip"
    file.parent.mkdir(parents=True)
    file.write_bytes(data := os.urandom(300_000))
    finish_export(studio.database, number, ExportOutcome(str(file), len(data), "0" * 64, 1, {}))
    status, headers, body = fetch(link)
    assert (status, body) == (200, data)
    assert headers["Content-Length"] == "300000"
    assert "demo.zip" in headers["Content-Disposition"]
    for wrong in (
        f"{studio.url}/api/exports/{number}",
        link[:-3] + "abc",
        link.replace(f"/{number}?", f"/{number + 1}?"),
    ):
        status, _, body = fetch(wrong)
        assert status == 403
        assert b"exports page" in body
    file.unlink()
    assert fetch(link)[0] == 404


def test_an_export_outside_its_folder_is_not_served(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(studio.home))
    number = create_export(studio.database, Recipe(name="demo"))
    finish_export(studio.database, number, ExportOutcome("../secret", 1, "0" * 64, 1, {}))
    status, _, body = fetch(f"{studio.url}{export_url(number)}")
    assert status == 404
    assert (studio.home / "secret").read_bytes() not in body


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_engine_is_started_started_again_and_stopped(studio_with_engine: Studio) -> None:
    studio = studio_with_engine

    def engine(other_than: int = 0) -> EngineRow | None:
        row = newest(studio.database)
        return row if row and row.pid != other_than and time.time() - row.heartbeat_at < 10 else None

    first = until(engine, 60)
    assert json.loads(fetch(f"{studio.url}/api/health")[2])["engine"]["age"] < 30
    os.kill(first.pid, signal.SIGKILL)
    second = until(lambda: engine(first.pid), 60)
    studio.stop()
    until(lambda: not alive(second.pid), 30)
    assert not alive(first.pid)


def beating(studio: Studio) -> set[int]:
    """Return the processes of the engines that were heard of in the last few seconds."""
    return {row.pid for row in engines(studio.database) if time.time() - row.heartbeat_at < 5}


def test_a_killed_studio_finds_its_engine_again_and_stops_it(tmp_path: Path) -> None:
    studio = Studio(tmp_path, engine=True)
    try:
        studio.start()
        (engine,) = until(lambda: beating(studio), 60)
        assert studio.process is not None
        studio.process.kill()
        studio.process.wait()
        studio.start()
        until(lambda: "An engine is at work" in studio.log, 30)
        time.sleep(6)
        assert beating(studio) == {engine}
        studio.stop()
        until(lambda: not alive(engine), 30)
        studio.start()
        assert until(lambda: beating(studio) - {engine}, 60)
    finally:
        studio.stop()
        studio.database.close()


def test_a_second_studio_uses_the_engine_of_the_first_and_leaves_it_alone(tmp_path: Path) -> None:
    first, second = Studio(tmp_path, engine=True), Studio(tmp_path, engine=True)
    try:
        first.start()
        (engine,) = until(lambda: beating(first), 60)
        second.start()
        until(lambda: "An engine is at work" in second.log, 30)
        second.stop()
        assert alive(engine)
        second.start()
        first.stop()
        until(lambda: not alive(engine), 30)
        assert until(lambda: beating(second) - {engine}, 60)
    finally:
        for studio in (first, second):
            studio.stop()
            studio.database.close()
