"""The pack office_files: whole, made from its seed, consistent, provable; its tools refuse what they must."""

from __future__ import annotations

import csv
import importlib
import io
import json
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import openpyxl
import pypdf
import pytest

from engine import plugins
from engine.domains import catalog, pack_files
from engine.domains.sources import sources_of
from engine.domains.templates import names_below
from engine.planning.tasks import modes_of, sample
from engine.rolling.prove import prove
from engine.types import MODES, Domain, Environment
from tests.catalog import office_drive

PACK = Path(__file__).parents[2] / "assets" / "catalog" / "office_files"
MODULES = ("_drive", "_tables", "files", "tables", "writing", "statistics_tools", "documents", "distractors")
REMADE = {".csv", ".tsv", ".json", ".jsonl", ".md", ".txt", ".yaml", ".xml", ".html", ".log", ".pdf"}


@pytest.fixture(scope="module")
def pack() -> Domain:
    return catalog.parse(pack_files.read_folder(PACK))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Domain) -> Iterator[dict[str, ModuleType]]:
    """The pack's modules, in a copy of its workspace."""
    pack_files.write_folder(pack.workspace(), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(PACK / "tools"))
    yield {name: importlib.import_module(name) for name in MODULES}
    for name in MODULES:
        sys.modules.pop(name, None)


def rows_of(pack: Domain, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(pack.workspace()[path].decode())))


def test_the_pack_is_as_rich_as_promised(pack: Domain) -> None:
    files = pack.workspace()
    assert len(files) >= 30
    assert len({PurePosixPath(name).suffix for name in files}) >= 12
    assert sum(map(len, files.values())) < 1_500_000
    assert len([tool for tool in pack.tools if not tool.distractor]) >= 16
    assert len(pack.templates) >= 16
    assert sum(t.turns[0].withhold is not None for t in pack.templates) >= 6
    assert {mode for t in pack.templates for mode in modes_of(pack, t)} >= set(MODES)


def test_every_text_has_its_variants(pack: Domain) -> None:
    for template in pack.templates:
        for turn in template.turns:
            assert len(set(turn.say)) >= 4, template.id
            assert len(set(turn.answer)) >= 3, template.id
            if turn.withhold:
                assert min(len(set(turn.withhold.say)), len(set(turn.withhold.reveal))) >= 4, template.id
                assert turn.withhold.slot not in names_below([*turn.withhold.say, *turn.withhold.ask]), template.id
    assert len(pack.questions) >= 10
    assert all(len(set(question.say)) >= 4 for question in pack.questions)


def test_the_script_makes_the_workspace_again(pack: Domain) -> None:
    made, kept = office_drive.make(), pack.workspace()
    assert made.keys() == kept.keys()
    for name, data in kept.items():
        if PurePosixPath(name).suffix in REMADE:
            assert made[name] == data, name
    assert _dump(made["crm/crm.sqlite"]) == _dump(kept["crm/crm.sqlite"])


def _dump(data: bytes) -> list[str]:
    base = sqlite3.connect(":memory:")
    base.deserialize(data)
    found = list(base.iterdump())
    base.close()
    return found


def test_minutes_workbooks_and_sales_agree(pack: Domain) -> None:
    files = pack.workspace()
    months = [f"2026-0{n}" for n in range(1, 7)]
    sold = {m: round(sum(float(r["revenue"]) for r in rows_of(pack, f"sales/2026/sales_{m}.csv")), 2) for m in months}
    minutes = files["meetings/2026-07-02_sales_review.md"].decode()
    assert f"EUR {sold['2026-06']:,.2f}" in minutes
    assert f"EUR {sum(sold.values()):,.2f}" in minutes
    for quarter, part in (("q1", months[:3]), ("q2", months[3:])):
        book = openpyxl.load_workbook(io.BytesIO(files[f"sales/summaries/sales_summary_{quarter}_2026.xlsx"]))
        assert [row[3] for row in book["By month"].iter_rows(min_row=2, values_only=True)] == [sold[m] for m in part]
        assert sum(row[1] for row in book["By region"].iter_rows(min_row=2, values_only=True)) == pytest.approx(
            sum(sold[m] for m in part)
        )


def test_contracts_and_archives_can_be_opened(pack: Domain) -> None:
    files = pack.workspace()
    for entry in rows_of(pack, "contracts/register.csv"):
        text = pypdf.PdfReader(io.BytesIO(files[entry["file"]])).pages[0].extract_text()
        assert f"Contract number: {entry['contract_no']}" in text
        assert entry["party"] in text
    with zipfile.ZipFile(io.BytesIO(files["archive/sales_2025.zip"])) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 4


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "sales/../../x.csv", "~/x.txt", "a\\..\\b.txt"])
def test_paths_out_of_the_drive_are_refused(tools: dict[str, ModuleType], path: str) -> None:
    reads = [
        tools["files"].read_text,
        tools["files"].file_info,
        tools["tables"].read_table,
        tools["documents"].read_pdf,
    ]
    for tool in [*reads, tools["writing"].delete_file, tools["distractors"].file_checksum]:
        with pytest.raises(PermissionError, match="leads out of the shared drive"):
            tool(path)
    with pytest.raises(PermissionError):
        tools["writing"].write_text(path, "x")
    with pytest.raises(PermissionError):
        tools["writing"].copy_file("README.md", path)


def test_a_link_out_of_the_drive_is_refused(tools: dict[str, ModuleType]) -> None:
    Path("inbox/link.txt").symlink_to("/etc/hostname")
    with pytest.raises(PermissionError):
        tools["files"].read_text("inbox/link.txt")
    with pytest.raises(PermissionError):
        tools["files"].search_text("e", "inbox/link.txt")


def test_existing_files_are_not_overwritten(tools: dict[str, ModuleType]) -> None:
    before = Path("README.md").read_bytes()
    writing = tools["writing"]
    for attempt in (
        lambda: writing.write_text("README.md", "x"),
        lambda: writing.write_table("README.md", ["a"], []),
        lambda: writing.move_file("company.json", "README.md"),
        lambda: writing.convert_table("hr/roster.csv", "README.md"),
    ):
        with pytest.raises(ValueError, match="already exists"):
            attempt()
    assert Path("README.md").read_bytes() == before


def test_a_cell_changes_and_nothing_else(tools: dict[str, ModuleType]) -> None:
    path = Path("finance/expenses/claims_2026.csv")
    before = path.read_text().splitlines()
    tools["writing"].set_cell(str(path), "claim_id", "EC-26040", "status", "approved")
    after = path.read_text().splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [(before[40], before[40].replace("submitted", "approved"))]


def test_the_database_can_only_be_read(tools: dict[str, ModuleType]) -> None:
    query: Any = tools["documents"].query_database
    before = Path("crm/crm.sqlite").read_bytes()
    assert query("crm/crm.sqlite", "select count(*) as n from customers")["rows"] == [{"n": 14}]
    with pytest.raises(PermissionError):
        query("crm/crm.sqlite", "delete from customers")
    with pytest.raises(ValueError, match="refused"):
        query("crm/crm.sqlite", "with a as (select 1) delete from customers")
    assert Path("crm/crm.sqlite").read_bytes() == before


def test_statistics_against_known_figures(tools: dict[str, ModuleType]) -> None:
    Path("t.csv").write_text("a,b,c\n1,2,x\n2,4,x\n3,6,y\n4,9,y\n")
    numbers, tables = tools["statistics_tools"], tools["tables"]
    found = numbers.column_statistics("t.csv", "a")
    assert (found["mean"], found["median"], found["stdev"]) == (2.5, 2.5, 1.29)
    assert numbers.percentile("t.csv", "b", 50)["value"] == 5.0
    assert numbers.correlation("t.csv", "a", "b")["correlation"] == 0.994
    assert tables.aggregate_table("t.csv", "sum", "b", group_by="c")["rows"] == [
        {"c": "x", "b_sum": 6},
        {"c": "y", "b_sum": 15},
    ]
    with pytest.raises(ValueError, match="numbers only"):
        numbers.column_statistics("t.csv", "c")


async def test_every_template_is_proven(pack: Domain) -> None:
    plugin = plugins.load("sandboxes", "local")
    pool = plugin.make(plugin.config())
    sources = sources_of(pack)
    environment = Environment(pack.workspace(), pack.tool_modules(), limits=pack.limits, key=pack.digest)
    await pool.start()
    try:
        for template in pack.templates:
            task = sample(pack, mode="multiple", turns=len(template.turns), seed=1, only=[template.id])
            async with pool.lease(environment) as sandbox:
                proof = await prove(task, pack, sandbox, sources)
            assert proof.reason is None, (template.id, proof.detail)
            assert json.loads(proof.model_dump_json())["turns"]
    finally:
        await pool.aclose()
