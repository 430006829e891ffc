"""What is kept by name and version: domains, personas, endpoints, preferences; and the small queues beside them."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from engine import times
from engine.domains import catalog
from engine.errors import Conflict, InputError
from engine.liveness import holder_name
from engine.types import Batch, DomainShare, Endpoint, ExportOutcome, Pulse, Recipe, TrajectoryFilter
from storage import preferences
from storage.database import Database
from storage.designing import domains, personas
from storage.exporting import exports
from storage.generating import batches, endpoints
from storage.reviewing import trajectories
from storage.serving import engines, library, requests
from storage.serving.store import SqlStore
from tests.storage.samples import PACK, PERSONA, ended_holder, made, pack, queue, stock

OTHER = b"You are another assistant."


def test_a_domain_comes_back_as_it_was_saved(db: Database) -> None:
    name = stock(db)
    row = domains.list_domains(db)[0]
    parsed = catalog.load(PACK)
    assert domains.get_domain(db, name) == parsed
    assert (row.version, row.digest, row.tools, row.templates, row.shipped) == (
        1,
        parsed.digest,
        len(parsed.tools),
        len(parsed.templates),
        False,
    )
    assert domains.files_by_digest(db, row.digest) == pack()


def test_versions_stay_readable(db: Database) -> None:
    name = stock(db)
    assert domains.save_domain(db, pack(policy=OTHER), based_on=1, note="shorter") == 2
    assert [(v.version, v.note) for v in domains.versions(db, name)] == [(2, "shorter"), (1, "")]
    assert domains.get_domain(db, name).policy == OTHER.decode()
    assert domains.get_domain(db, name, 1).policy != OTHER.decode()
    with pytest.raises(InputError, match="version 9"):
        domains.get_domain(db, name, 9)


def test_saving_what_is_there_makes_no_version(db: Database) -> None:
    stock(db)
    assert domains.save_domain(db, pack(), based_on=1) == 1


def test_the_second_of_two_editors_is_told(db: Database) -> None:
    name = stock(db)
    domains.save_domain(db, pack(policy=OTHER), based_on=1)
    with pytest.raises(Conflict, match=r"changed by someone else.*reload and apply your change again"):
        domains.save_domain(db, pack(policy=b"Third."), based_on=1)
    with pytest.raises(Conflict, match="already"):
        domains.save_domain(db, pack(), based_on=None)
    domains.delete_domain(db, name)
    with pytest.raises(Conflict, match="deleted by someone else"):
        domains.save_domain(db, pack(), based_on=2)
    assert domains.save_domain(db, pack(), based_on=None) == 3


def test_of_editors_at_once_one_wins(db: Database) -> None:
    stock(db)

    def save(number: int) -> bool:
        try:
            domains.save_domain(db, pack(policy=f"Policy {number}.".encode()), based_on=1)
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
    stated = domains.get_domain(db, stock(db))
    head = stated.files["domain.yaml"].replace(f"licence: {stated.licence}\n".encode(), b"")
    silent = domains.save_domain(db, {**stated.files, "domain.yaml": head}, based_on=1)
    digests = [stated.digest, domains.get_domain(db, stated.id, silent).digest, "nowhere"]
    assert [shelf.licence(digest) for digest in digests] == [stated.licence, None, None]


def test_a_deleted_domain_is_gone_and_its_batches_work(db: Database) -> None:
    number = queue(db)
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
    stock(db)
    assert len(domains.list_domains(db, "LEDGER")) == 1
    for hostile in ("%", "_", "'; --", "\\"):
        assert domains.list_domains(db, hostile) == []
    assert [r.persona.id for r in personas.list_personas(db, "SHORT quest")] == ["ada"]
    assert personas.list_personas(db, "%") == []


def test_the_shipped_catalogue_is_seeded_once_and_spares_edits(db: Database, tmp_path: Path) -> None:
    shutil.copytree(PACK, tmp_path / "ledger")
    assert domains.seed_catalog(db, tmp_path) == 1
    assert domains.seed_catalog(db, tmp_path) == 0
    (tmp_path / "ledger" / "policy.md").write_bytes(b"Shipped, second edition.")
    assert domains.seed_catalog(db, tmp_path) == 1
    row = domains.list_domains(db)[0]
    assert (row.shipped, row.version) == (True, 2)
    domains.save_domain(db, pack(policy=OTHER), based_on=2)
    (tmp_path / "ledger" / "policy.md").write_bytes(b"Shipped, third edition.")
    assert domains.seed_catalog(db, tmp_path) == 0
    assert domains.get_domain(db, row.id).policy == OTHER.decode()
    domains.delete_domain(db, row.id)
    assert domains.seed_catalog(db, tmp_path) == 0


def test_personas_have_versions_too(db: Database, tmp_path: Path) -> None:
    assert personas.save_persona(db, PERSONA, None) == 1
    changed = PERSONA.model_copy(update={"tone": "curt"})
    assert personas.save_persona(db, changed, 1) == 2
    with pytest.raises(Conflict, match="changed by someone else"):
        personas.save_persona(db, PERSONA, 1)
    assert personas.get_persona(db, "ada").persona == changed
    personas.delete_persona(db, "ada")
    with pytest.raises(InputError, match="no persona"):
        personas.get_persona(db, "ada")
    shipped = PERSONA.model_dump(mode="json") | {"id": "bob", "openings": [], "closings": []}
    (tmp_path / "shipped.yaml").write_text(f"- {shipped}")
    assert (personas.seed_personas(db, tmp_path), personas.seed_personas(db, tmp_path)) == (1, 0)
    assert personas.list_personas(db)[0].shipped


def test_a_batch_names_what_is_missing(db: Database) -> None:
    name = stock(db)
    for wanted in (
        {"domains": (DomainShare(id="nowhere"),)},
        {"domains": (DomainShare(id=name, digest="nothing"),)},
        {"domains": (DomainShare(id=name),), "personas": ("nobody",)},
    ):
        with pytest.raises(InputError):
            batches.create_batch(db, Batch(name="b", **wanted))  # type: ignore[arg-type]
    assert batches.list_batches(db) == []
    assert batches.count_batches(db) == 0


@pytest.mark.parametrize(
    "variable",
    [
        "sk-abcdefghijklmnopqrstuvwx",
        "hunter 2",
        "",
        "sk_live_abcdefghijklmnop1234",
        "AbCdEfGhIjKlMnOpQrStUvWx12",
        "a3f09c1b77de45aa90c2e81f6b3d4c5e",
    ],
)
def test_a_key_in_place_of_its_variable_is_refused(db: Database, variable: str) -> None:
    stock(db)
    bad = Endpoint(model="m", key_variable=variable)
    with pytest.raises(InputError, match="environment variable") as caught:
        endpoints.save_endpoint(db, "one", bad, None)
    if variable:
        assert variable not in str(caught.value)
    with pytest.raises(InputError, match="environment variable"):
        batches.create_batch(db, Batch(name="b", domains=(DomainShare(id="ledger"),), models={"teacher": bad}))


@pytest.mark.parametrize(
    "bad",
    [
        Endpoint(model="m", options={"api_key": "sk-1"}),
        Endpoint(model="m", options={"headers": {"Authorization": "Bearer x"}}),
        Endpoint(model="m", api_base="https://user:secret@host/v1"),
    ],
)
def test_no_other_place_takes_a_secret(db: Database, bad: Endpoint) -> None:
    with pytest.raises(InputError, match="key_variable"):
        endpoints.save_endpoint(db, "one", bad, None)


def test_endpoints_have_versions(db: Database) -> None:
    good = Endpoint(model="m", key_variable="OPENAI_API_KEY", options={"max_tokens": 5})
    assert endpoints.save_endpoint(db, "one", good, None) == 1
    assert endpoints.save_endpoint(db, "one", good, 1) == 2
    with pytest.raises(Conflict, match="changed by someone else"):
        endpoints.save_endpoint(db, "one", good, 1)
    assert endpoints.get_endpoint(db, "one").endpoint == good
    endpoints.delete_endpoint(db, "one")
    assert endpoints.list_endpoints(db) == []


def test_a_request_is_answered_once(db: Database) -> None:
    first = requests.submit(db, "prove", {"domain": "x", "n": 1})
    second = requests.submit(db, "try_tool", {})
    taken = [requests.claim_request(db, "one", 100.0), requests.claim_request(db, "two", 100.0)]
    assert [t and t.id for t in taken] == [first, second]
    assert requests.claim_request(db, "three", 100.0) is None
    requests.finish_request(db, first, {"ok": [1, None, "ü"]})
    requests.finish_request(db, second, error="No \x00 way.")
    found = [requests.get_request(db, n) for n in (first, second)]
    assert [(f.status, f.result, f.error) for f in found if f] == [
        ("done", {"ok": [1, None, "ü"]}, None),
        ("failed", None, "No   way."),
    ]


def test_a_request_whose_engine_died_waits_again(db: Database) -> None:
    number = requests.submit(db, "prove", {})
    requests.claim_request(db, "one", 100.0)
    assert requests.claim_request(db, "two", 100.0 + times.UNANSWERED - 1) is None
    again = requests.claim_request(db, "two", 100.0 + times.UNANSWERED + 1)
    assert again is not None
    assert again.id == number


def test_a_request_of_a_silent_engine_waits_again(db: Database) -> None:
    number = requests.submit(db, "prove", {})
    engines.beat(db, Pulse("one", 11, 100.0, "local", False, ""))
    requests.claim_request(db, "one", 101.0)
    assert requests.claim_request(db, "two", 100.0 + times.STALE) is None
    again = requests.claim_request(db, "two", 100.1 + times.STALE)
    assert again is not None
    assert again.id == number


def test_a_request_of_an_ended_process_waits_again_at_once(db: Database) -> None:
    number = requests.submit(db, "prove", {})
    requests.claim_request(db, ended_holder(), 100.0)
    again = requests.claim_request(db, holder_name(), 100.1)
    assert again is not None
    assert again.id == number
    assert requests.claim_request(db, "three", 100.2) is None


def test_old_answers_are_pruned(db: Database) -> None:
    old = requests.submit(db, "prove", {})
    requests.finish_request(db, old, {})
    with db.write() as session:
        session.execute(text("UPDATE request SET created_at = 1"))
    requests.submit(db, "prove", {})
    assert requests.get_request(db, old) is None


def test_engines_beat_and_leave(db: Database) -> None:
    assert engines.newest(db) is None
    engines.beat(db, Pulse("one", 11, 100.0, "docker", True, "fine"))
    engines.beat(db, Pulse("two", 12, 105.0, "local", False, "no engine"))
    engines.beat(db, Pulse("one", 11, 110.0, "docker", True, "fine"))
    newest = engines.newest(db)
    assert newest is not None
    assert (newest.holder, newest.started_at, newest.heartbeat_at) == ("one", 100.0, 110.0)
    assert len(engines.engines(db)) == 2
    engines.leave(db, "one")
    engines.beat(db, Pulse("three", 13, 106.0 + engines.FORGOTTEN, "local", False, ""))
    assert [e.holder for e in engines.engines(db)] == ["three"]


def test_preferences_keep_json(db: Database) -> None:
    assert preferences.get(db, "sandbox", "auto") == "auto"
    for value in ("docker", {"a": [1, None]}, False):
        preferences.set(db, "sandbox", value)
        assert preferences.get(db, "sandbox", "auto") == value


def test_an_export_is_recorded_and_marks_what_left(db: Database) -> None:
    SqlStore(db).save(queue(db), [made(i) for i in range(5)])
    number = exports.create_export(db, Recipe(name="set"))
    assert exports.start_export(db, number).name == "set"
    assert exports.mark_exported(db, number, iter([1, 2, 2, 3, 99])) == 3
    assert exports.mark_exported(db, number, [1, 2, 3]) == 0
    exports.finish_export(db, number, ExportOutcome("1/set.zip", 9, "ab", 3, {"kept": 3}, trajectories=[3]))
    row = exports.list_exports(db)[0]
    assert (row.status, row.path, row.size, row.rows, row.report) == ("done", "1/set.zip", 9, 3, {"kept": 3})
    marked = [r.id for r in trajectories.page(db, TrajectoryFilter(), sort="oldest")[0] if r.exported]
    assert marked == [1, 2, 3]

    second = exports.create_export(db, Recipe())
    exports.mark_exported(db, second, [3])
    exports.delete_export(db, number)
    assert [r.id for r in trajectories.page(db, TrajectoryFilter())[0] if r.exported] == [3]
    assert exports.get_export(db, number) is None


def test_the_library_speaks_for_the_engine(db: Database) -> None:
    SqlStore(db).save(queue(db), [made(0, domain_digest=catalog.load(PACK).digest)])
    shelf = library.SqlLibrary(db)
    assert shelf.domain_files("ledger", None) == pack()
    found, files = shelf.trajectory(1)
    assert (found.id, files) == ("rollout-0", pack())
    with pytest.raises(InputError, match="no trajectory 7"):
        shelf.trajectory(7)
    with pytest.raises(InputError, match="no export 7"):
        shelf.export(7)
    number = exports.create_export(db, Recipe())
    _, rows = shelf.export(number)
    assert [n for n, _, _ in rows] == [1]
    shelf.finish_export(number, ExportOutcome("x", 1, "ab", 1, {}, trajectories=[1]))
    row = exports.get_export(db, number)
    assert row is not None
    assert (row.status, trajectories.row(db, 1).exported) == ("done", True)
    shelf.fail_export(number, "The disk is full.")
    row = exports.get_export(db, number)
    assert row is not None
    assert (row.status, row.error, row.path, row.rows, row.report) == ("failed", "The disk is full.", None, None, {})
    with pytest.raises(InputError, match="no export 7"):
        shelf.finish_export(7, ExportOutcome("x", 1, "ab", 1, {}))
    with pytest.raises(InputError, match="no export 7"):
        shelf.fail_export(7, "No.")


def test_deleting_a_running_batch_is_refused(db: Database) -> None:
    number = queue(db)
    SqlStore(db).claim("one", 100.0, 15.0)
    with pytest.raises(InputError, match="Cancel it first"):
        batches.delete_batch(db, number, now=101.0)
    with pytest.raises(InputError, match="no batch 99"):
        batches.delete_batch(db, 99)
