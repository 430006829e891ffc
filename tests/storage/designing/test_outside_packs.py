"""Packs from outside: which they are, what a yes covers, and that it is asked for again when other files come."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from engine.errors import InputError
from storage import migrations
from storage.database import Database, _address, open_database
from storage.designing import domains
from storage.designing.outside_packs import allow, unallowed
from storage.exporting.environments import source_of
from tests.samples.packs import ledger_files

ID = "ledger"


def save(db: Database, policy: str, *, based_on: int | None = None, imported: bool = False) -> str:
    """Store the ledger with another policy; return the digest."""
    domains.save_domain(db, ledger_files(policy.encode()), based_on=based_on, imported=imported)
    return domains.get_domain(db, ID).digest


def waits(db: Database, digest: str) -> bool:
    return unallowed(db, [digest]) == {digest}


def test_what_was_written_here_never_waits_for_a_yes(db: Database) -> None:
    written = save(db, "Mine.")
    assert not waits(db, written)
    save(db, "Mine too.", based_on=1)
    assert save(db, "Mine.", based_on=2, imported=True) == written
    assert not waits(db, written), "the same files were stored here before"
    assert not allow(db, ID)


def test_a_yes_covers_the_import_and_what_is_made_of_it_here(db: Database) -> None:
    came = save(db, "Theirs.", imported=True)
    edited = save(db, "Theirs, edited.", based_on=1)
    files = ledger_files(b"Theirs.")
    files["domain.yaml"] = files["domain.yaml"].replace(b"id: ledger", b"id: copied")
    domains.save_domain(db, files, based_on=None, copy_of=came)
    copied = domains.get_domain(db, "copied").digest
    assert unallowed(db, [came, edited, copied, "0" * 16]) == {came, edited, copied}
    assert allow(db, "copied")
    assert unallowed(db, [came, edited, copied]) == frozenset()
    assert not allow(db, ID), "it has its yes already"


def test_a_changed_import_is_asked_about_again(db: Database) -> None:
    first = save(db, "Theirs.", imported=True)
    assert allow(db, first)
    second = save(db, "Theirs, next release.", based_on=1, imported=True)
    assert unallowed(db, [first, second]) == {second}
    assert save(db, "Theirs.", based_on=2) == first
    assert not waits(db, first), "a version that is restored keeps its yes"


def test_a_runnable_environment_is_made_of_it_after_a_yes(db: Database) -> None:
    came = save(db, "Theirs.", imported=True)
    with pytest.raises(InputError, match=rf"came from outside.*trust {came}"):
        source_of(db, batch=None, domain=ID, tasks=3, seed=0)
    assert allow(db, came)
    assert source_of(db, batch=None, domain=ID, tasks=3, seed=0).digest == came


def test_a_yes_to_an_unknown_pack_is_refused(db: Database) -> None:
    with pytest.raises(InputError, match=r"'nobody' is no stored domain.*list domains"):
        allow(db, "nobody")


def test_imports_of_earlier_versions_wait_for_a_yes_too(empty_url: str) -> None:
    db = Database(_address(empty_url))
    migrations.upgrade(db.writer, "0010")
    versions = [
        ("ours", 1, "a", ""), ("theirs", 1, "b", "Imported"), ("theirs", 2, "c", "shorter"),
        ("copy", 1, "d", "Copied from theirs"), ("ours", 2, "b", "Imported"), ("ours", 3, "a", "Restored version 1"),
        ("ours", 4, "e", ""),
    ]  # fmt: skip
    with db.write() as session:
        for at, (domain, version, digest, note) in enumerate(versions):
            session.execute(
                text(
                    "INSERT INTO domain_version (domain_id, version, digest, note, created_at) "
                    "VALUES (:domain, :version, :digest, :note, :at)"
                ),
                {"domain": domain, "version": version, "digest": digest, "note": note, "at": float(at)},
            )
    db.close()
    db = open_database(empty_url)
    assert unallowed(db, list("abcde")) == {"b", "c", "d"}
    db.close()
