"""Shared tool files: how a pack names and carries them, what is refused, and the shipped ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.domains import catalog, pack_files, shared_tools
from engine.domains.shared_tools import differing, names_in, shared_file_changes, with_names, with_shared_files
from engine.errors import InputError, InputErrors, each
from engine.settings import SHARED_TOOLS
from engine.types import Domain

SHIPPED = {f"{one.name}@{one.version}": one.text for one in shared_tools.shipped(SHARED_TOOLS)}
CLASH = b'"""Clash."""\n\n\ndef get_balance() -> str:\n    """Say.\n\n    Effect: read\n    """\n    return "?"\n'


def naming(ledger: Domain, listed: str, **files: bytes) -> dict[str, bytes]:
    """Return the ledger with this line in domain.yaml, and files by name and version."""
    head = ledger.files["domain.yaml"] + f"shared_tools: {listed}\n".encode()
    return {**ledger.files, "domain.yaml": head, **{f"shared/{name}.py": data for name, data in files.items()}}


def refused(files: dict[str, bytes]) -> list[InputError]:
    with pytest.raises(InputError) as refusal:
        catalog.parse(files)
    return each(refusal.value)


def test_a_named_file_is_laid_in_once_and_its_tools_follow_the_packs_own(ledger: Domain, tmp_path: Path) -> None:
    files = with_shared_files(naming(ledger, "[dates@1, calculator@1]"), SHIPPED.get)
    assert files["shared/calculator@1.py"] == SHIPPED["calculator@1"]
    domain = catalog.parse(files)
    own, shared = len(ledger.tools), ["calculate", "summarize_numbers", "days_between", "add_to_date", "weekday_of"]
    assert domain.tools[:own] == ledger.tools
    assert [tool.name for tool in domain.tools[own:]] == shared
    assert not any(tool.distractor for tool in domain.tools[own:])
    assert set(domain.tool_modules()) == {
        *ledger.tool_modules(),
        "../shared/calculator@1.py",
        "../shared/dates@1.py",
    }
    elsewhere = pack_files.from_zip(pack_files.to_zip(files))
    assert catalog.parse(with_shared_files(elsewhere, {}.get)).digest == domain.digest, "no library is needed"
    pack_files.write_folder(files, tmp_path / "copy")
    assert catalog.load(tmp_path / "copy").digest == domain.digest


def test_the_text_in_the_pack_stays_and_a_difference_is_told(ledger: Domain) -> None:
    other = SHIPPED["calculator@1"] + b"\n"
    files = with_shared_files(naming(ledger, "[calculator@1, dates@1]", **{"calculator@1": other}), SHIPPED.get)
    assert files["shared/calculator@1.py"] == other
    assert differing(files, SHIPPED.get) == ["calculator@1"]
    assert differing(files, {}.get) == [], "a library without it has nothing to say"
    assert catalog.parse(files).tool_modules()["../shared/calculator@1.py"] == other.decode()


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (
            "[calculator@1, dates@9]",
            "domain.yaml line 9: shared_tools.2: neither the pack nor the library holds dates@9.",
        ),
        (
            "[calculator]",
            "domain.yaml line 9: shared_tools.1: 'calculator' is no name and version, such as calculator@1.",
        ),
        ("[calculator@0]", "domain.yaml line 9: shared_tools.1: 'calculator@0' is no name and version"),
        ("[../tools/x@1]", "domain.yaml line 9: shared_tools.1: '../tools/x@1' is no name and version"),
        ("[calculator@1, calculator@2]", "domain.yaml line 9: shared_tools.2: calculator stands twice."),
        ("[{calculator: 1}]", "domain.yaml line 9: shared_tools.1: Input should be a valid string."),
        ("calculator@1", "domain.yaml line 9: shared_tools: Input should be a valid tuple."),
    ],
)
def test_a_wrong_name_is_refused_with_its_line(ledger: Domain, listed: str, told: str) -> None:
    errors = refused(with_shared_files(naming(ledger, listed), SHIPPED.get))
    assert [str(one)[: len(told)] for one in errors] == [told]
    assert (errors[0].file, errors[0].line) == ("domain.yaml", 9)


def test_a_file_that_is_not_named_is_refused(ledger: Domain) -> None:
    (only,) = refused({**ledger.files, "shared/dates@1.py": SHIPPED["dates@1"]})
    assert (
        str(only) == "shared/dates@1.py: is not named in domain.yaml. Add dates@1 to shared_tools, or delete the file."
    )
    (only,) = refused(with_shared_files({**naming(ledger, "[dates@1]"), "shared/notes.txt": b""}, SHIPPED.get))
    assert only.where == "shared/notes.txt"
    old = {**ledger.files, "shared/notes.txt": b"", "shared/helper.py": b"def ("}
    assert catalog.parse(old).tools == ledger.tools, "a folder of that name meant nothing before"


def test_a_function_that_stands_twice_is_refused_naming_both_places(ledger: Domain) -> None:
    (only,) = refused(naming(ledger, "[clash@1]", **{"clash@1": CLASH}))
    assert only.where == "shared/clash@1.py line 4"
    assert "get_balance is defined twice: tools/accounts.py line" in str(only)
    assert "Take one of the files out of the pack." in str(only)


def test_a_bad_shared_text_is_refused_with_its_own_file_and_line(ledger: Domain) -> None:
    uses = CLASH.replace(b"get_balance", b"other") + b"\n\ndef _deep():\n    import _store\n    from _x import y\n"
    errors = refused(naming(ledger, "[clash@1]", **{"clash@1": uses}))
    assert [(one.file, one.line) for one in errors] == [("shared/clash@1.py", 13), ("shared/clash@1.py", 14)]
    assert "imports _store, and a shared file finds no private module of a pack" in str(errors[0])


def test_a_pack_whose_sources_read_no_shared_files_is_refused(ledger: Domain) -> None:
    files = with_shared_files(naming(ledger, "[dates@1]\ntool_sources: [shell]"), SHIPPED.get)
    told = [str(one) for one in refused(files) if "shared_tools" in str(one)]
    assert told == [
        "domain.yaml line 9: shared_tools: no tool source of this pack reads them. Add python to tool_sources, or name "
        "no shared tools."
    ]


def test_the_folder_follows_what_is_named(ledger: Domain) -> None:
    files = {**naming(ledger, "[dates@1, lost@3]"), "shared/calculator@1.py": b"", "shared/notes.txt": b""}
    assert shared_file_changes(files, SHIPPED.get) == {
        "shared/dates@1.py": SHIPPED["dates@1"],
        "shared/calculator@1.py": None,
    }
    assert shared_file_changes({**files, "domain.yaml": b"a: [\n"}, SHIPPED.get) == {}
    assert names_in({**files, "domain.yaml": b"- a\n"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "id: a\nname: b\n",
        "id: a\nshared_tools: [x@1]\nname: b\n",
        "id: a\nshared_tools:\n  - x@1\n  - y@2\nname: b\n",
        "id: a\nshared_tools:\n- x@1\nname: b",
        "id: a\nname: b\nshared_tools: [\n  x@1,\n]",
    ],
)
def test_naming_others_leaves_the_other_lines_alone(text: str) -> None:
    for names in ([], ["dates@1"], ["dates@1", "calculator@2"]):
        changed = with_names(text, names)
        assert names_in({"domain.yaml": changed.encode()}) == names
        kept = [line for line in changed.splitlines() if not line.startswith("shared_tools")]
        assert kept == ["id: a", "name: b"]


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a-b", "a@1", "../a", "x" * 61])
def test_a_bad_name_cannot_be_shared(name: str) -> None:
    with pytest.raises(InputError, match="is no name of a shared tool"):
        shared_tools.shareable_tools(name, SHIPPED["dates@1"])


def test_a_text_without_tools_cannot_be_shared() -> None:
    with pytest.raises(InputError, match="defines no tool"):
        shared_tools.shareable_tools("empty", b"X = 1\n")
    with pytest.raises(InputError, match="not UTF-8"):
        shared_tools.shareable_tools("empty", b"\xff")
    with pytest.raises(InputErrors, match=r"shared/empty@1\.py line 1"):
        shared_tools.shareable_tools("empty", b"def f(:\n")


def test_every_shipped_version_can_be_used_alone() -> None:
    assert sorted(SHIPPED) == ["calculator@1", "dates@1"]
    for name, text in SHIPPED.items():
        assert shared_tools.shareable_tools(name.partition("@")[0], text)
