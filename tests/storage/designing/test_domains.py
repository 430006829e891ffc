"""Domains: a version for each change, the shipped ones seeded once, and what two editors at once are told."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.domains import catalog
from engine.errors import Conflict, InputError
from storage.database import Database
from storage.designing import domains, personas
from storage.serving import library
from storage.serving.store import SqlStore
from tests.samples.packs import LEDGER, ledger_files
from tests.storage.stored_samples import queue_batch, store_ledger

OTHER = b"You are another assistant."


def test_a_domain_comes_back_as_it_was_saved(db: Database) -> None:
    name = store_ledger(db)
    row = domains.list_domains(db)[0]
    parsed = catalog.load(LEDGER)
    assert domains.get_domain(db, name) == parsed
    assert (row.version, row.digest, row.tools, row.templates, row.shipped) == (
        1,
        parsed.digest,
        len(parsed.tools),
        len(parsed.templates),
        False,
    )
    assert domains.files_by_digest(db, row.digest) == ledger_files()


def test_versions_stay_readable(db: Database) -> None:
    name = store_ledger(db)
    assert domains.save_domain(db, ledger_files(policy=OTHER), based_on=1, note="shorter") == 2
    assert [(v.version, v.note) for v in domains.versions(db, name)] == [(2, "shorter"), (1, "")]
    assert domains.get_domain(db, name).policy == OTHER.decode()
    assert domains.get_domain(db, name, 1).policy != OTHER.decode()
    with pytest.raises(InputError, match="version 9"):
        domains.get_domain(db, name, 9)


def test_saving_what_is_there_makes_no_version(db: Database) -> None:
    store_ledger(db)
    assert domains.save_domain(db, ledger_files(), based_on=1) == 1


def test_the_second_of_two_editors_is_told(db: Database) -> None:
    name = store_ledger(db)
    domains.save_domain(db, ledger_files(policy=OTHER), based_on=1)
    with pytest.raises(Conflict, match=r"changed by someone else.*reload and apply your change again"):
        domains.save_domain(db, ledger_files(policy=b"Third."), based_on=1)
    with pytest.raises(Conflict, match="already"):
        domains.save_domain(db, ledger_files(), based_on=None)
    domains.delete_domain(db, name)
    with pytest.raises(Conflict, match="deleted by someone else"):
        domains.save_domain(db, ledger_files(), based_on=2)
    assert domains.save_domain(db, ledger_files(), based_on=None) == 3


def test_of_editors_at_once_one_wins(db: Database) -> None:
    store_ledger(db)

    def save(number: int) -> bool:
        try:
            domains.save_domain(db, ledger_files(policy=f"Policy {number}.".encode()), based_on=1)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(save, range(4))) == 1


def test_a_bad_pack_stores_nothing(db: Database) -> None:
    with pytest.raises(InputError):
        domains.save_domain(db, {"domain.yaml": b"id: x"}, based_on=None)
    assert domains.list_domains(db) == []


def test_a_licence_is_told_only_where_a_version_states_one(db: Database) -> None:
    shelf = library.SqlLibrary(db)
    stated = domains.get_domain(db, store_ledger(db))
    head = stated.files["domain.yaml"].replace(f"licence: {stated.licence}\n".encode(), b"")
    silent = domains.save_domain(db, {**stated.files, "domain.yaml": head}, based_on=1)
    digests = [stated.digest, domains.get_domain(db, stated.id, silent).digest, "nowhere"]
    assert [shelf.licence(digest) for digest in digests] == [stated.licence, None, None]


def test_a_deleted_domain_is_gone_and_its_batches_work(db: Database) -> None:
    number = queue_batch(db)
    name = domains.list_domains(db)[0].id
    domains.delete_domain(db, name)
    assert domains.list_domains(db) == []
    with pytest.raises(InputError, match="no domain"):
        domains.get_domain(db, name)
    with pytest.raises(InputError, match="no domain"):
        domains.delete_domain(db, name)
    claim = SqlStore(db).claim("one", 1.0, 15.0)
    assert claim is not None
    assert claim.batch_id == number


def test_lists_are_searched_as_text(db: Database) -> None:
    store_ledger(db)
    assert len(domains.list_domains(db, "LEDGER")) == 1
    for hostile in ("%", "_", "'; --", "\\"):
        assert domains.list_domains(db, hostile) == []
    assert [r.persona.id for r in personas.list_personas(db, "SHORT quest")] == ["ada"]
    assert personas.list_personas(db, "%") == []


def test_the_shipped_catalogue_is_seeded_once_and_spares_edits(db: Database, tmp_path: Path) -> None:
    shutil.copytree(LEDGER, tmp_path / "ledger")
    assert domains.seed_catalog(db, tmp_path) == 1
    assert domains.seed_catalog(db, tmp_path) == 0
    (tmp_path / "ledger" / "policy.md").write_bytes(b"Shipped, second edition.")
    assert domains.seed_catalog(db, tmp_path) == 1
    row = domains.list_domains(db)[0]
    assert (row.shipped, row.version) == (True, 2)
    domains.save_domain(db, ledger_files(policy=OTHER), based_on=2)
    (tmp_path / "ledger" / "policy.md").write_bytes(b"Shipped, third edition.")
    assert domains.seed_catalog(db, tmp_path) == 0
    assert domains.get_domain(db, row.id).policy == OTHER.decode()
    domains.delete_domain(db, row.id)
    assert domains.seed_catalog(db, tmp_path) == 0
