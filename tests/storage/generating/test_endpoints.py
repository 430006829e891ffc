"""Endpoints: versions, and no secret in any place."""

from __future__ import annotations

import pytest

from engine.errors import Conflict, InputError
from engine.types import Endpoint
from storage.database import Database
from storage.generating import batches, endpoints
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
