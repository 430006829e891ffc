"""The frame: every page opens on an empty and on a filled database, and foreign text stays text."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine.errors import InputError
from engine.types import Pulse, TrajectoryFilter
from pages._ui import format as words
from pages._ui.filters import filter_parameters, read_filter
from pages._ui.routes import PAGES, ROUTES, url
from pages._ui.text import literal, option
from pages.export.parts.downloads import check_token, export_url
from storage.database import Database
from storage.serving.engines import beat
from tests.samples.trajectories import refund_trajectory
from tests.samples.turns import HOSTILE
from tests.storage.stored_samples import insert_imported


@pytest.mark.parametrize("name", [route.name for route in ROUTES])
def test_every_page_opens_on_an_empty_database(open_page: Callable[..., AppTest], name: str) -> None:
    page = open_page(name)
    assert not page.exception
    assert len(page.title) == 1


def test_every_page_file_has_a_route_and_none_lies_beside_the_shell() -> None:
    files = {path.relative_to(PAGES).as_posix() for path in PAGES.rglob("*.py")}
    scripts = {file for file in files if not file.startswith(("_ui/", "_shell/")) and "/parts/" not in file}
    assert scripts == {route.file for route in ROUTES} | {"shell.py"}


@pytest.mark.parametrize(
    ("sandbox", "isolated", "shown"),
    [("local", False, "does not isolate"), ("docker", True, "Sandbox: docker")],
)
def test_the_sidebar_tells_of_the_engine(
    open_page: Callable[..., AppTest], database: Database, sandbox: str, isolated: bool, shown: str
) -> None:
    beat(database, Pulse("host:1", 1, time.time(), sandbox, isolated))
    page = open_page("overview")
    assert any(shown in text.value for text in page.sidebar.markdown)
    beat(database, Pulse("host:1", 1, time.time() - 600, sandbox, isolated))
    assert any("Engine silent" in text.value for text in page.run().sidebar.markdown)


def test_addresses_of_pages() -> None:
    assert url("overview") == "/"
    assert url("trajectory", id=3) == "/trajectory?id=3"
    assert url("tool", domain="a b", name="x&y") == "/tool?domain=a+b&name=x%26y"
    assert url("queue", batches=[1, 2], text=None) == "/queue?batches=1&batches=2"


def test_a_filter_survives_the_address_and_garbage_gives_none() -> None:
    chosen = TrajectoryFilter(domains=("retail",), verdicts=("none",), min_reward=0.5, text='a "b" ü')
    assert read_filter(filter_parameters(chosen)["filter"]) == chosen
    assert filter_parameters(TrajectoryFilter()) == {}
    for garbage in ("", "{", "[]", '{"domains": 3}', '{"unknown": 1}', "x" * 5000, json.dumps({"verdicts": ["no"]})):
        assert read_filter(garbage) == TrajectoryFilter()


def test_download_links_are_signed_for_one_export(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path))
    token = export_url(3).partition("token=")[2]
    check_token(3, token)
    for number, text, problem in (
        (4, token, "another export"),
        (3, token[:-2] + "xx", "not one of ours"),
        (3, "", "not"),
    ):
        with pytest.raises(InputError, match=problem):
            check_token(number, text)
    monkeypatch.setattr("pages.export.parts.downloads.LIFETIME", -1)
    with pytest.raises(InputError, match="expired"):
        check_token(3, token)


def test_foreign_text_is_escaped_in_labels() -> None:
    assert literal("![a](http://b) :red[c] $d$ `e` <f>") == (r"\!\[a\]\(http\://b\) \:red\[c\] \$d\$ \`e\` \<f\>")
    assert literal(":material/bolt:") == "\\:\u2060material/bolt\\:", "an icon's name is parted"
    assert literal("\u202eabc") == "\u2068\u202eabc\u2069", "the direction of writing ends with the text"
    assert option("e-commerce ![a](http://b)") == r"e-commerce \!\[a\](http\://b)"


def test_numbers_read_well_and_unknown_is_a_dash() -> None:
    assert [words.money(v) for v in (None, 0, 0.00001, 0.0123, 1234.5)] == [
        "–",
        "$0",
        "<$0.0001",
        "$0.012",
        "$1,234.50",
    ]
    assert [words.seconds(v) for v in (None, 0.004, 1.25, 75, 7500)] == [
        "–",
        "4 ms",
        "1.2 s",
        "1 min 15 s",
        "2 h 5 min",
    ]
    assert [words.short_count(v) for v in (None, 999, 12_345, 2_500_000)] == ["–", "999", "12.3 k", "2.5 M"]
    assert [words.bytes_size(v) for v in (None, 12, 1536, 5 << 30)] == ["–", "12 bytes", "1.5 KB", "5.0 GB"]
    assert [words.ago(v, 1000.0) for v in (None, 999.5, 940.0, 1000 - 7200)] == [
        "–",
        "just now",
        "1 min ago",
        "2 h ago",
    ]
    assert [words.plural(n, "retry", "retries") for n in (1, 0, 2000)] == ["1 retry", "0 retries", "2,000 retries"]


def test_no_page_draws_foreign_text_as_markdown(open_page: Callable[..., AppTest], database: Database) -> None:
    hostile = refund_trajectory(
        0, hostile=True, detail=HOSTILE, reason="x ![y](http://203.0.113.9/z.png)", status="rejected"
    )
    insert_imported(database, HOSTILE[:100], [hostile])
    for name, parameters in (
        ("queue", {}),
        ("trajectory", {"id": "1"}),
        ("overview", {}),
        ("funnel", {}),
        ("batches", {}),
    ):
        page = open_page(name, **parameters)
        assert not page.exception
        for kind in ("markdown", "caption", "header", "subheader", "error", "warning", "info", "success"):
            for element in page.get(kind):
                assert "![" not in str(element.value).replace("\\!\\[", "").replace("\\!", "")
                assert "<img" not in str(element.value)
