"""The shared library: versions that never change, two people at once, shipped files, and packs that use them."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from engine.domains import pack_files
from engine.errors import Conflict, InputError
from engine.settings import SHARED_TOOLS
from storage import migrations
from storage.database import Database, _address, open_database
from storage.designing import domains
from storage.designing.shared_tools import delete_version, finder, list_shared, newest_version, seed_shared, share
from tests.samples.packs import ledger_files

TOOL = b'"""Greeting."""\n\n\ndef greet() -> str:\n    """Greet.\n\n    Effect: read\n    """\n    return "hello"\n'
SECOND = TOOL.replace(b"hello", b"good day")


def ids(db: Database) -> list[str]:
    return [row.id for row in list_shared(db)]


def naming(listed: str) -> dict[str, bytes]:
    files = ledger_files()
    return {**files, "domain.yaml": files["domain.yaml"] + f"shared_tools: [{listed}]\n".encode()}


def test_versions_come_one_after_the_other_and_stay(db: Database) -> None:
    assert newest_version(db, "greeting") is None
    assert share(db, "greeting", TOOL, based_on=None) == 1
    assert share(db, "greeting", SECOND, based_on=1) == 2
    assert share(db, "greeting", SECOND, based_on=2) == 2, "the same text again is no new version"
    assert share(db, "apples", TOOL, based_on=None) == 1
    assert ids(db) == ["apples@1", "greeting@2", "greeting@1"]
    find = finder(db)
    assert (find("greeting@1"), find("greeting@2"), find("greeting@3")) == (TOOL, SECOND, None)
    assert newest_version(db, "greeting") == 2
    assert [tool.name for tool in list_shared(db)[0].tools] == ["greet"]


def test_a_deleted_version_is_gone_and_its_number_stays_taken(db: Database) -> None:
    share(db, "greeting", TOOL, based_on=None)
    share(db, "greeting", SECOND, based_on=1)
    domains.save_domain(db, naming("greeting@2"), based_on=None)
    delete_version(db, "greeting", 2)
    assert ids(db) == ["greeting@1"]
    assert finder(db)("greeting@2") is None
    assert domains.get_domain(db, "ledger").files["shared/greeting@2.py"] == SECOND, "a domain keeps its copy"
    assert share(db, "greeting", TOOL, based_on=2) == 3, "not 2, which stands for another text in packs"
    with pytest.raises(InputError, match="there is no greeting@2"):
        delete_version(db, "greeting", 2)


def test_a_shipped_version_cannot_be_deleted(db: Database) -> None:
    seed_shared(db, SHARED_TOOLS)
    shipped = list_shared(db)[0]
    with pytest.raises(InputError, match="comes with Turnwright"):
        delete_version(db, shipped.name, shipped.version)
    assert shipped.id in ids(db)


def test_the_second_of_two_people_is_told(db: Database) -> None:
    share(db, "greeting", TOOL, based_on=None)
    with pytest.raises(Conflict, match="exists already"):
        share(db, "greeting", SECOND, based_on=None)
    share(db, "greeting", SECOND, based_on=1)
    with pytest.raises(Conflict, match="version 2, yours began at 1"):
        share(db, "greeting", TOOL, based_on=1)
    assert finder(db)("greeting@2") == SECOND


def test_of_two_at_the_same_moment_one_is_stored_and_the_other_told(db: Database) -> None:
    met, told = Barrier(2), []

    def go(source: bytes) -> None:
        met.wait()
        try:
            told.append(share(db, "greeting", source, based_on=None))
        except Conflict:
            told.append("conflict")

    threads = [Thread(target=go, args=(source,)) for source in (TOOL, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, told)) == ["1", "conflict"]
    assert ids(db) == ["greeting@1"]


def test_a_bad_name_or_text_is_not_stored(db: Database) -> None:
    for name, source in (("No", TOOL), ("greeting", b"def f(:\n"), ("greeting", b"")):
        with pytest.raises(InputError):
            share(db, name, source, based_on=None)
    assert ids(db) == []


def test_shipped_files_come_in_once_and_their_names_are_taken(db: Database) -> None:
    assert seed_shared(db, SHARED_TOOLS) == 2
    assert seed_shared(db, SHARED_TOOLS) == 0
    assert ids(db) == ["calculator@1", "dates@1"]
    assert all(row.shipped for row in list_shared(db))
    with pytest.raises(InputError, match="comes with Turnwright"):
        share(db, "dates", TOOL, based_on=1)


def test_an_upgrade_changes_no_stored_version(db: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    share(db, "mine", TOOL, based_on=None)
    for name, source in (("mine/1.py", SECOND), ("mine/2.py", SECOND), ("new/1.py", TOOL), ("new/notes.py", b"?")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(source)
    assert seed_shared(db, tmp_path) == 1
    (tmp_path / "new" / "1.py").write_bytes(SECOND)
    (tmp_path / "new" / "2.py").write_bytes(SECOND)
    assert seed_shared(db, tmp_path) == 1
    find = finder(db)
    assert (find("mine@1"), find("mine@2")) == (TOOL, None)
    assert (find("new@1"), find("new@2")) == (TOOL, SECOND)
    assert "mine@1 was left out: a user shared one of that name" in caplog.text
    assert "new@1 differs from the stored one, which stays" in caplog.text


def test_a_saved_pack_holds_what_it_names(db: Database) -> None:
    share(db, "greeting", TOOL, based_on=None)
    files = naming("greeting@1")
    assert domains.save_domain(db, files, based_on=None) == 1
    stored = domains.get_domain(db, "ledger")
    assert stored.files["shared/greeting@1.py"] == TOOL
    assert stored.digest == pack_files.files_digest({**files, "shared/greeting@1.py": TOOL})
    assert "greet" in [tool.name for tool in stored.tools]
    share(db, "greeting", SECOND, based_on=1)
    assert domains.save_domain(db, files, based_on=1) == 1, "a newer version in the library changes no pack"
    with pytest.raises(InputError, match=r"domain\.yaml line 9: shared_tools\.1: neither the pack nor the library"):
        domains.save_domain(db, naming("greeting@7"), based_on=1)


def test_an_older_database_gets_the_library_and_keeps_what_it_has(empty_url: str) -> None:
    old = Database(_address(empty_url))
    migrations.upgrade(old.writer, "0006")
    with old.write() as session:
        session.execute(text("INSERT INTO preference (key, value) VALUES ('kept', '1')"))
    old.close()
    db = open_database(empty_url)
    assert ids(db) == []
    assert share(db, "greeting", TOOL, based_on=None) == 1
    with db.read() as session:
        assert session.execute(text("SELECT value FROM preference")).scalars().all() == ["1"]
    db.close()
