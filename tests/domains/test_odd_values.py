"""Every odd name and value of a pack is refused with file and place: from a folder, from a zip, and where a draft of
the studio is checked. None is a traceback, and none is changed without a word."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from engine.domains import catalog, pack_files
from engine.domains.strict_yaml import yaml_value
from engine.errors import InputError, each
from tests.samples.packs import ledger_files

NAMES = {
    "workspace/a\nb.txt": "holds U+000A",
    "workspace/a\u202eb.txt": "holds U+202E",
    "workspace/a\u200bb.txt": "holds U+200B",
    "workspace/a\u2028b.txt": "holds U+2028",
    "workspace/a\x00b.txt": "holds U+0000",
    "workspace/\ud800.txt": "holds U+D800",
    "C:/evil.txt": "leads out of the pack",
    "c:evil.txt": "leads out of the pack",
    "/etc/evil": "leads out of the pack",
    "workspace/../../evil": "leads out of the pack",
    "workspace\\evil": "leads out of the pack",
    "workspace//a.txt": "is no plain path",
    "./policy.md": "is no plain path",
    "workspace/ACCOUNTS.json": "differs from workspace/ACCOUNTS.json by case or accents only",
    "Workspace/b.json": "by case or accents only",
    "policy.md/a.txt": "policy.md is a file and a folder",
    "workspace/" + "x" * 300: "or a part of it than 255",
    "workspace/" + "x/" * 600 + "a": "is longer than 1000 bytes",
}
YAML = {
    "a: 1\nb: 010\n": (2, "010 is read as another number than it looks"),
    "a: 1\nb: 1:30\n": (2, "1:30 is read as another number"),
    "a: 1\nb: -1:30.5\n": (2, "1:30.5 is read as another number"),
    "a: 1\nyes: 2\n": (2, "the key yes is no text"),
    "a: 1\nNo: 2\n": (2, "the key No is no text"),
    "a: 1\nnull: 2\n": (2, "the key null is no text"),
    "a: 1\n~: 2\n": (2, "the key ~ is no text"),
    "a: 1\n1.5: 2\n": (2, "the key 1.5 is no text"),
    "a: 1\na: 2\n": (2, "stands twice"),
    "a: &x [1]\nb: *x\n": (2, "*x is an alias"),
    "a: &x {b: 1}\nc:\n  <<: *x\n": (3, "*x is an alias"),
    "a: &x [1]\nb: [1,*x]\n": (2, "*x is an alias"),
    "a: 1\nb: " + "[" * 70 + "]" * 70: (2, "is nested too deeply"),
    "".join(f"{' ' * n}a:\n" for n in range(100)): (61, "is nested too deeply"),
    "- " * 100 + "a": (1, "is nested too deeply"),
    "[" * 100_000: (1, "is nested too deeply"),
    'a: 1\nb: "\\ud800"\n': (2, "half a surrogate pair is no character"),
    "a: 1\nb: !!python/object:os.system x\n": (2, "could not determine a constructor"),
    "a: 1\nb: \x07\n": (None, ""),
}
IDS = ["Ledger", "l\u00e9dger", "ledger\u00b2", "a" * 101, "a b", "a\nb", "a\u202eb", "\u0661"]


def problems(files: dict[str, bytes]) -> list[InputError]:
    with pytest.raises(InputError) as refused:
        catalog.parse(files, unfinished=True)
    return list(each(refused.value))


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_an_odd_name_is_refused_by_its_name_wherever_it_comes_from(name: str) -> None:
    files = ledger_files() | {name: b"x"}
    found = [one for one in problems(files) if NAMES[name].partition(" ACCOUNTS")[0] in str(one) or "case" in str(one)]
    assert found
    assert all(one.file == one.where for one in found)
    for one in found:
        assert str(one).isprintable()
        assert len(one.where) <= 210
    assert pack_files.files_digest(files) != pack_files.files_digest(ledger_files())


def test_names_in_any_script_and_with_joined_characters_are_taken() -> None:
    names = ["workspace/größe.txt", "workspace/سفارش\u200cها.txt", "workspace/注文 1.txt", "workspace/A-b_c (2).TXT"]
    files = ledger_files() | dict.fromkeys(names, b"x")
    assert set(names) <= set(catalog.parse(files).files)


@pytest.mark.parametrize("text", YAML, ids=lambda text: repr(text[:30]))
def test_odd_yaml_is_refused_with_its_line(text: str) -> None:
    line, problem = YAML[text]
    with pytest.raises(InputError) as refused:
        yaml_value(text.encode(), "templates/a.yaml")
    assert refused.value.file == "templates/a.yaml"
    assert problem in str(refused.value)
    assert line is None or refused.value.line == line


def test_plain_yaml_stays_what_it_was() -> None:
    text = "a: 1\nb: [yes, 0x1F, 1_000, 1.5, 2026-01-02, '010', \"*x\", 0, -7]\n1: c\n"
    text += "d: 5 * 3 & *bold* text\ne: {f: null}\n"
    assert yaml_value(text.encode(), "x") == {
        "a": 1, "b": [True, 31, 1000, 1.5, "2026-01-02", "010", "*x", 0, -7], 1: "c", "d": "5 * 3 & *bold* text",
        "e": {"f": None},
    }  # fmt: skip


def test_a_billion_laughs_are_refused_at_once() -> None:
    laughs = "a0: &a0 [ha, ha]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    found = problems(ledger_files() | {"questions.yaml": laughs.encode()})
    assert [(one.file, one.line) for one in found] == [("questions.yaml", 2)]


@pytest.mark.parametrize("id", IDS, ids=ascii)
def test_an_odd_id_is_refused_in_each_file_that_has_one(id: str) -> None:
    escaped = '"' + "".join(f"\\u{ord(one):04x}" for one in id) + '"'
    for name, old in (("domain.yaml", "id: ledger"), ("templates/balance.yaml", "id: balance")):
        files = ledger_files()
        files[name] = files[name].replace(old.encode(), f"id: {escaped}".encode())
        if name == "domain.yaml" or not (id.isascii() and id.isprintable() and len(id) <= 100):
            assert any(one.file == name and one.line == 1 and "is no id" in one.problem for one in problems(files))
        else:
            catalog.parse(files, unfinished=True)


def test_a_name_that_turns_text_around_is_refused_in_domain_yaml() -> None:
    files = ledger_files()
    files["domain.yaml"] = files["domain.yaml"].replace(b"name: Ledger", b'name: "Led\\u202eger"')
    assert [str(one) for one in problems(files)] == [
        "domain.yaml line 2: name: holds U+202E, which nobody sees. Leave it out."
    ]


def test_too_many_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"workspace/{number}", b"")
    with pytest.raises(InputError, match="holds more than 2000 files"):
        pack_files.from_zip(buffer.getvalue())
    for number in range(2_100):
        (tmp_path / f"{number}").touch()
    with pytest.raises(InputError, match="holds more than 2000 files"):
        pack_files.read_folder(tmp_path)


def test_a_folder_is_not_read_beyond_its_bound_and_holds_no_links(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as large:
        large.truncate(1 << 40)
    with pytest.raises(InputError, match="or 64 MB"):
        pack_files.read_folder(tmp_path)
    (tmp_path / "sparse").unlink()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").touch()
    (tmp_path / "a.txt").touch()
    assert list(pack_files.read_folder(tmp_path)) == ["a.txt"]
    (tmp_path / "elsewhere").symlink_to("/etc", target_is_directory=True)
    with pytest.raises(InputError, match="elsewhere: is a link"):
        pack_files.read_folder(tmp_path)
    (tmp_path / "elsewhere").unlink()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError, match="fifo: is a link or no plain file"):
        pack_files.read_folder(tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_holds_a_name_twice_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("policy.md", b"one")
        archive.writestr("policy.md", b"two")
    with pytest.raises(InputError, match=r"policy\.md: stands twice in the zip"):
        pack_files.from_zip(buffer.getvalue())


def test_validate_says_file_and_place_and_prints_no_traceback(tmp_path: Path) -> None:
    files = ledger_files()
    files["templates/balance.yaml"] = files["templates/balance.yaml"].replace(
        b"balance {{ account_id }} pls", b"{{ 9**(9**9) }} {% for a in range(99999) %}{{ a }}{% endfor %}"
    )
    pack_files.write_folder(files, tmp_path / "pack")
    Path(os.fsdecode(os.fsencode(tmp_path / "pack" / "workspace") + b"/\xff\xe2\x80\xae.txt")).touch()
    ran = CliRunner().invoke(app, ["validate", str(tmp_path / "pack")])
    said = str(ran.exception)
    assert isinstance(ran.exception, InputError)
    assert "workspace/\\udcff\\u202e.txt: holds U+DCFF, which nobody sees." in said
    assert "templates/balance.yaml line 11: turns.1.say.4: ** gives too large a number." in said
