"""A pack is accepted or refused as a whole; a refusal names file, line and the next move."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import pytest

from engine.domains import catalog, pack_files
from engine.domains.strict_yaml import yaml_value
from engine.errors import InputError, InputErrors
from engine.types import Domain


def changed(ledger: Domain, **files: str | None) -> dict[str, bytes]:
    pack = dict(ledger.files)
    for name, text in files.items():
        path = name.replace("__", "/").replace("_yaml", ".yaml").replace("_py", ".py").replace("_md", ".md")
        if text is None:
            pack.pop(path)
        else:
            pack[path] = text.encode()
    return pack


def test_folder_zip_and_back_are_the_same_pack(ledger: Domain, tmp_path: Path) -> None:
    data = pack_files.to_zip(ledger.files)
    assert pack_files.from_zip(data) == ledger.files
    assert pack_files.to_zip(pack_files.from_zip(data)) == data
    pack_files.write_folder(ledger.files, tmp_path / "copy")
    assert catalog.load(tmp_path / "copy") == ledger
    (tmp_path / "pack.zip").write_bytes(data)
    assert catalog.load(tmp_path / "pack.zip").digest == ledger.digest


def test_a_zip_with_one_top_folder_is_read_as_the_folder(ledger: Domain) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in ledger.files.items():
            archive.writestr(f"my-pack/{name}", data)
    assert catalog.parse(pack_files.from_zip(buffer.getvalue())).digest == ledger.digest


_HEAD = "id: move\ntitle: t\ngoal: g\n"
_NO_EFFECT = "def f(x: str):\n    '''Do.\n\n    Args:\n        x: y.\n    '''\n"
_NO_TYPE = "def f(x):\n    '''Do.\n\n    Effect: read\n    '''\n"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a\\b"])
def test_hostile_zip_names_are_refused(name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(InputError, match="leads out of the pack"):
        pack_files.from_zip(buffer.getvalue())


def test_a_broken_zip_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        pack_files.from_zip(b"not a zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_is_refused_wherever_the_damage_is(ledger: Domain, method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in ledger.files.items():
            archive.writestr(name, data)
    whole, source, refused = buffer.getvalue(), random.Random(1), 0
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(source.choice((1, 3, 20))):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        try:
            pack_files.from_zip(bytes(damaged))
        except InputError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    ("file", "text", "where", "problem"),
    [
        ("domain_yaml", "id: x\nname: [", "domain.yaml line 2", "expected"),
        (
            "domain_yaml",
            "id: ledger\nname: L\ndescription: d\ncolour: red\n",
            "domain.yaml line 4: colour",
            "no known field",
        ),
        ("domain_yaml", "id: ledger\nid: again\nname: L\ndescription: d\n", "domain.yaml line 2", "stands twice"),
        ("policy_md", "", "policy.md", "missing or empty"),
        ("tools__accounts_py", "def broken(:\n", "tools/accounts.py line 1", "syntax"),
        (
            "tools__accounts_py",
            _NO_EFFECT,
            "accounts.py line 1",
            "effect",
        ),
        (
            "tools__accounts_py",
            _NO_TYPE,
            "accounts.py line 1",
            "has no type",
        ),
        (
            "templates__move_yaml",
            _HEAD + "turns: []\n",
            "templates/move.yaml line 4: turns",
            "at least 1",
        ),
        (
            "templates__move_yaml",
            "id: move\ntitle: t\ngoal: g\nturns: [{say: [hi], answer: [a], chain: [{call: fly}]}]\n",
            "templates/move.yaml line 4: turns.1.chain.1.call",
            "no tool 'fly'",
        ),
        (
            "templates__move_yaml",
            "id: move\ntitle: t\ngoal: g {{ nobody }}\nturns: [{say: [hi], answer: [a]}]\n",
            "templates/move.yaml line 3: goal",
            "'nobody' is neither",
        ),
        (
            "templates__move_yaml",
            "id: move\ntitle: t\ngoal: g\nslots: [{query: select x from nowhere}]\nturns: [{say: [hi], answer: [a]}]\n",
            "templates/move.yaml line 4: slots.1.query",
            "no such table",
        ),
        ("questions_yaml", "- id: q\n  say: [x]\n", "questions.yaml line 1: entry 1.answer", "required"),
    ],
)
def test_each_error_names_its_place(ledger: Domain, file: str, text: str, where: str, problem: str) -> None:
    with pytest.raises(InputErrors) as refusal:
        catalog.parse(changed(ledger, **{file: text}))
    found = [e for e in refusal.value.errors if where in e.where]
    assert found, str(refusal.value)
    assert any(problem in str(e) for e in found)


def test_all_errors_are_listed_at_once(ledger: Domain) -> None:
    with pytest.raises(InputErrors) as refusal:
        catalog.parse(changed(ledger, policy_md="", tools__accounts_py="def broken(:\n", questions_yaml="3"))
    assert len(refusal.value.errors) >= 3


def test_a_pack_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        catalog.load(tmp_path / ("n" * 300))


@pytest.mark.parametrize("file", ["domain.yaml", "questions.yaml", "templates/move.yaml"])
@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("a: 1\n? [1]\n: 2\n", " line 2", "a list or mapping is no key. Correct the YAML."),
        ("a: 1\n{a: 1}: 2\n", " line 2", "a list or mapping is no key. Correct the YAML."),
        ("a: " + "[" * 3000 + "]" * 3000, " line 1", "is nested too deeply. Write it with fewer levels."),
        ("{a: " * 3000 + "1" + "}" * 3000, " line 1", "is nested too deeply. Write it with fewer levels."),
        ("a: 1\nb: !!bool maybe\n", " line 2", "what stands here is no bool. Correct the YAML."),
        ('a: 1\nb: !!int ""\n', " line 2", "what stands here is no int. Correct the YAML."),
        ("a: 1\nb: !!map 5\n", " line 2", "what stands here is no map. Correct the YAML."),
        ('a: 1\nb: ["\\ud83d"]\n', " line 2", "half a surrogate pair is no character. Correct the YAML."),
        ('a: "\\U00110000"', "", "cannot be read: chr() arg not in range(0x110000). Correct the YAML."),
    ],
)
def test_yaml_that_no_reader_takes_is_refused(ledger: Domain, file: str, text: str, where: str, problem: str) -> None:
    with pytest.raises(InputErrors) as refusal:
        catalog.parse({**ledger.files, file: text.encode()})
    assert f"{file}{where}: {problem}" in [str(one) for one in refusal.value.errors]


def test_a_character_that_json_wrote_as_two_escapes_is_one() -> None:
    assert yaml_value(json.dumps({"a\U0001f600": ["\U0001f600 é"]}).encode(), "x.yaml") == {
        "a\U0001f600": ["\U0001f600 é"]
    }


def test_a_text_of_a_template_that_cannot_be_read_is_refused_with_its_line(ledger: Domain) -> None:
    text = f"id: odd\ntitle: t\ngoal: g\nturns: [{{say: ['{{{{ {'9' * 5000} }}}}'], answer: [a]}}]\n"
    with pytest.raises(InputErrors) as refusal:
        catalog.parse({**ledger.files, "templates/odd.yaml": text.encode()})
    (only,) = refusal.value.errors
    assert only.where == "templates/odd.yaml line 4: turns.1.say.1"
    assert "5000 digits" in only.problem


def test_an_inactive_tool_file_is_not_parsed(ledger: Domain) -> None:
    pack = {**ledger.files, "tools/draft.py.off": b"def broken(:"}
    assert catalog.parse(pack).tools == ledger.tools
