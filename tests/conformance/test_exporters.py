"""Every exporter keeps its protocol, and the importer of the same name reads its rows back."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from engine import plugins
from engine.exporting.json import dump_bytes
from engine.exporting.record import record_of
from engine.types import CLOCKS, Attachment, Trajectory
from tests.exporting.export_steps import exported
from tests.samples.trajectories import hostile_trajectories, mixed_trajectories

EXPORTERS = plugins.names("exporters")
BOTH = [name for name in plugins.names("importers") if name in EXPORTERS]
SETS = {"mixed": mixed_trajectories, "hostile": hostile_trajectories}


def lines(name: str, trajectories: Sequence[Trajectory]) -> list[bytes]:
    return [dump_bytes(row) + b"\n" for row in exported(name, trajectories)[0]]


def read(name: str, data: Sequence[bytes]) -> list[Trajectory]:
    importer = plugins.load("importers", name)
    return list(importer.make(importer.config()).trajectories(data, "data.jsonl"))


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_same_trajectories_give_the_same_bytes(name: str) -> None:
    assert lines(name, mixed_trajectories()) == lines(name, mixed_trajectories())
    reread = [Trajectory.model_validate_json(t.model_dump_json()) for t in mixed_trajectories()]
    assert lines(name, reread) == lines(name, mixed_trajectories())


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("which", SETS)
def test_totals_add_up(name: str, which: str) -> None:
    given = SETS[which]()
    rows, report = exported(name, given)
    assert report["trajectories"] == len(given)
    assert report["exported"] + sum(report["dropped"].values()) == len(given)
    assert report["rows"] == len(rows) > 0


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("which", SETS)
def test_every_row_is_one_line_of_json(name: str, which: str) -> None:
    for line in lines(name, SETS[which]()):
        assert line.count(b"\n") == 1
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("name", EXPORTERS)
def test_nothing_of_machine_or_clock_is_exported(name: str) -> None:
    slow = [
        t.model_copy(
            update={
                "execution": t.execution.model_copy(update={"seconds": 99.0, "sandbox": "docker"}),
                "attachments": tuple(Attachment(turn=at, kind=kind, value=99.0) for kind in CLOCKS for at in (1, 2)),
            }
        )
        for t in mixed_trajectories()
    ]
    assert lines(name, slow) == lines(name, mixed_trajectories())


@pytest.mark.parametrize("name", EXPORTERS)
def test_rows_do_not_depend_on_what_was_converted_before(name: str) -> None:
    exporter = plugins.load("exporters", name).make(plugins.configure("exporters", name))
    found = [exporter.convert(record_of(t)) for t in reversed(mixed_trajectories())]
    assert [json.loads(dump_bytes(row)) for made in reversed(found) for row in made.rows] == exported(
        name, mixed_trajectories()
    )[0]


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("which", SETS)
def test_a_record_is_only_read(name: str, which: str) -> None:
    exporter = plugins.load("exporters", name).make(plugins.configure("exporters", name))
    for record in map(record_of, SETS[which]()):
        before = dump_bytes(record)
        exporter.convert(record)
        assert dump_bytes(record) == before


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("which", SETS)
def test_export_import_export_is_stable(name: str, which: str) -> None:
    first = lines(name, SETS[which]())
    second = lines(name, read(name, first))
    assert len(second) == len(first)
    assert lines(name, read(name, second)) == second
    if "tool_call_id" not in plugins.load("exporters", name).make(plugins.configure("exporters", name)).never_carried:
        assert second == first, "only ids of calls, which name the content too, may be given anew"


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("which", SETS)
def test_the_dialogue_survives_the_round_trip(name: str, which: str) -> None:
    data = lines(name, SETS[which]())
    back = read(name, data)
    again = exported(name, back)[0]
    for row, line in zip(again, data, strict=True):
        before = json.loads(line)
        for column in ("messages", "conversations", "turns", "tools", "group_id", "reward", "metadata"):
            assert row.get(column) == before.get(column), column


@pytest.mark.parametrize("name", BOTH)
def test_imported_rows_belong_to_their_group_and_stay_apart(name: str) -> None:
    given = mixed_trajectories()
    back = read(name, lines(name, given))
    assert len({t.id for t in back}) == len(back)
    assert {t.group_id for t in back} <= {t.group_id for t in given}
    assert all(t.status == "kept" for t in back)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{nonsense", "is not JSON"),
        (b"[1, 2]", "not an object"),
        (b"\xff\xfe{}", "is not JSON"),
        (b'{"messages": NaN}', "is not JSON"),
        (b'{"a": "\\ud800"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"{}", "field"),
        (b'{"messages": [{"role": "robot"}], "conversations": [{"from": "robot"}]}', "field"),
    ],
)
def test_a_bad_line_is_refused_by_file_and_line(name: str, line: bytes, told: str) -> None:
    good = lines(name, mixed_trajectories())[:1]
    with pytest.raises(plugins.InputError, match="line 3") as refused:
        read(name, [*good, b"\n", line])
    assert told in str(refused.value)


@pytest.mark.parametrize("name", BOTH)
def test_a_line_without_end_is_refused(name: str) -> None:
    with pytest.raises(plugins.InputError, match="longer than 16 MiB"):
        read(name, [b'{"a": "' + b"x" * (16 << 20) + b'"}'])


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(plugins.InputError, match="no_such_option"):
        plugins.configure("exporters", name, {"no_such_option": 1})
