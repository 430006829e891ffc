"""What the command line refuses before it opens anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.option_values import byte_count
from engine.domains import pack_files
from engine.errors import InputErrors
from engine.types import Domain


@pytest.mark.parametrize("share", ["x", "nan", "inf", "-0.1", "1.1", ""])
def test_a_share_that_is_no_number_from_0_to_1_is_refused(tmp_path: Path, share: str) -> None:
    done = CliRunner().invoke(app, ["export", "--out", str(tmp_path / "o.zip"), "--split", f"a={share}"])
    assert str(done.exception) == (
        f"--split a: {share!r} is no share. Give a number from 0 to 1, for example train=0.9."
    )


@pytest.mark.parametrize("size", ["x", "0", "-1MB", "nan", "inf", "", "MB", "1 TB"])
def test_a_size_of_shards_that_is_none_is_refused(tmp_path: Path, size: str) -> None:
    done = CliRunner().invoke(app, ["export", "--out", str(tmp_path / "o.zip"), "--shard-size", size])
    assert str(done.exception) == f"--shard-size: {size!r} is no size. Give bytes, or for example 150MB."


def test_a_size_of_shards_may_have_a_unit() -> None:
    assert [byte_count("x", text) for text in ("5000", "1.5kb", "150 MB", "2GB")] == [
        5000,
        1500,
        150 * 10**6,
        2 * 10**9,
    ]


@pytest.mark.parametrize(
    ("given", "missing"), [(("--context", "9"), "--tokenizer"), (("--tokenizer", "x", "--longer", "cut"), "--context")]
)
def test_a_length_needs_a_tokenizer_and_a_number(tmp_path: Path, given: tuple[str, ...], missing: str) -> None:
    done = CliRunner().invoke(app, ["export", "--out", str(tmp_path / "o.zip"), *given])
    assert str(done.exception).startswith(f"{missing}: is missing.")


BEYOND = str(1 << 63)


@pytest.mark.parametrize("command", [["show", BEYOND], ["show", "--batch", BEYOND], ["resume", BEYOND]])
def test_a_number_beyond_64_bits_is_refused(command: list[str]) -> None:
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert f"less than or equal to {(1 << 63) - 1}" in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize(("option", "field"), [("--batch", "batches.1"), ("--min-turns", "min_turns")])
def test_a_filter_beyond_64_bits_is_refused(option: str, field: str) -> None:
    done = CliRunner().invoke(app, ["analyze", option, BEYOND])
    assert isinstance(done.exception, InputErrors)
    assert str(done.exception).startswith(f"filter: {field}: Input should be less than {BEYOND}")


def test_validate_lists_what_cannot_be_read_and_what_can_make_no_task(ledger: Domain, tmp_path: Path) -> None:
    whole = ledger.files["templates/balance.yaml"]
    files = {
        **ledger.files,
        "templates/a.yaml": whole.replace(b"goal:", b"gaol:"),
        "templates/b.yaml": whole.replace(b"id: balance", b"id: b").replace(b"account_id:", b"acount_id:"),
    }
    pack_files.write_folder(files, tmp_path / "pack")
    done = CliRunner().invoke(app, ["validate", str(tmp_path / "pack")])
    assert isinstance(done.exception, InputErrors)
    told = str(done.exception)
    assert "templates/a.yaml line" in told
    assert "takes no argument 'acount_id'" in told


def test_validate_takes_a_shared_file_from_the_library_and_tells_what_is_not_the_librarys(
    ledger: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    named = ledger.files["domain.yaml"] + b"shared_tools: [calculator@1, dates@1]\n"
    mine = b'def day() -> str:\n    """Say.\n\n    Effect: read\n    """\n    return "Monday"\n'
    pack_files.write_folder({**ledger.files, "domain.yaml": named, "shared/dates@1.py": mine}, tmp_path / "pack")
    done = CliRunner().invoke(app, ["validate", str(tmp_path / "pack")])
    assert done.exit_code == 0, done.exception
    assert f"ledger: {len(ledger.tools) + 3} tools" in done.stdout
    assert "warning: shared/calculator@1.py is taken from the library of this machine" in done.stdout
    assert "warning: dates@1 is not the library's text of that version" in done.stdout
    assert not (tmp_path / "pack" / "shared" / "calculator@1.py").exists(), "reading changes no pack"
    listed = CliRunner().invoke(app, ["list", "shared-tools"]).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["calculator@1", "dates@1"]
    assert listed[1].endswith("days_between, add_to_date, weekday_of")
    (tmp_path / "pack" / "domain.yaml").write_bytes(named.replace(b"dates@1", b"dates@7"))
    told = str(CliRunner().invoke(app, ["validate", str(tmp_path / "pack")]).exception)
    assert "domain.yaml line 9: shared_tools.2: neither the pack nor the library holds dates@7." in told


def test_a_pack_without_shared_tools_is_validated_without_a_database(
    ledger: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    pack_files.write_folder(ledger.files, tmp_path / "pack")
    assert CliRunner().invoke(app, ["validate", str(tmp_path / "pack")]).exit_code == 0
    assert not (tmp_path / "home").exists()
