"""Endpoints: versions, and no secret in any place."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import Conflict, InputError
from engine.types import Endpoint, Profile, Sampling, endpoint_key
from storage import tables
from storage.database import Database
from storage.generating import batches, endpoints
from storage.serving.library import SqlLibrary
from tests.samples.batches import batch_of
from tests.storage.stored_samples import store_ledger


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
    store_ledger(db)
    bad = Endpoint(model="m", key_variable=variable)
    with pytest.raises(InputError, match="environment variable") as caught:
        endpoints.save_endpoint(db, "one", bad, None)
    if variable:
        assert variable not in str(caught.value)
    with pytest.raises(InputError, match="environment variable"):
        batches.create_batch(db, batch_of("ledger", models={"teacher": bad}))


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


TRIED = Endpoint(model="m", llm="openai_compatible", api_base="http://127.0.0.1:9/v1")


def profile_of(endpoint: Endpoint, **found: Any) -> Profile:
    return Profile(made_at=1.0, made_for=endpoint_key(endpoint), **found)


def test_a_profile_is_stored_with_every_endpoint_that_it_was_made_for(db: Database) -> None:
    endpoints.save_endpoint(db, "one", TRIED, None)
    endpoints.save_endpoint(db, "same", TRIED.model_copy(update={"timeout": 3.0}), None)
    endpoints.save_endpoint(db, "other", TRIED.model_copy(update={"model": "n"}), None)
    profile = profile_of(TRIED, tools=True, faults={"parallel": "It said: ünsupported."})
    SqlLibrary(db).save_profile(profile)
    rows = {row.name: row for row in endpoints.list_endpoints(db)}
    assert {name: row.profile for name, row in rows.items()} == {"one": profile, "same": profile, "other": None}
    assert {row.version for row in rows.values()} == {1}, "nobody edited them"
    assert endpoints.get_endpoint(db, "one").profile == profile


def test_the_profile_of_an_edited_endpoint_is_not_believed(db: Database) -> None:
    endpoints.save_endpoint(db, "one", TRIED, None)
    SqlLibrary(db).save_profile(profile_of(TRIED, tools=True))
    other = TRIED.model_copy(update={"model": "n"})
    endpoints.save_endpoint(db, "one", other, 1)
    assert endpoints.get_endpoint(db, "one").profile is None
    endpoints.save_endpoint(db, "one", TRIED.model_copy(update={"attempts": 2}), 2)
    assert endpoints.get_endpoint(db, "one").profile is not None


def test_a_profile_is_saved_with_the_endpoint_that_it_was_made_for_only(db: Database) -> None:
    mine, strange = profile_of(TRIED), profile_of(TRIED.model_copy(update={"model": "n"}))
    SqlLibrary(db).save_profile(mine)
    assert endpoints.list_endpoints(db) == []
    endpoints.save_endpoint(db, "one", TRIED, None, mine)
    endpoints.save_endpoint(db, "two", TRIED, None, strange)
    assert [row.profile for row in endpoints.list_endpoints(db)] == [mine, None]
    changed = TRIED.model_copy(update={"timeout": 3.0, "sampling": Sampling(temperature=0.1)})
    assert endpoints.profiles(db) == {endpoint_key(changed): mine}


def test_a_profile_that_cannot_be_read_is_none(db: Database) -> None:
    endpoints.save_endpoint(db, "one", TRIED, None)
    with db.write() as session:
        session.execute(tables.endpoint.update().values(profile='{"later": 1}'))
    assert endpoints.get_endpoint(db, "one").profile is None
