"""What a pilot took, and what a whole batch would take by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.types import Choice
from storage.database import Database
from storage.generating import batches
from storage.generating.pilot import Pilot, Rolled, Spread, latest_pilot, of_rolled, pilot_of
from tests.storage.stored_samples import queue_batch


def test_costs_of_what_was_lost_are_paid_by_what_was_kept() -> None:
    found = of_rolled([Rolled(True, 0.02, 10.0), Rolled(False, 0.04, 20.0), Rolled(True, 0.03, 30.0)])
    assert found is not None
    assert (found.trajectories, found.kept) == (3, 2)
    assert found.cost == pytest.approx((0.03, 0.02, 0.04))
    assert found.cost_per_kept == pytest.approx((0.045, 0.03, 0.06))
    assert found.seconds_per_kept == pytest.approx((30.0, 15.0, 45.0))
    took, cost = found.whole(200, 10)
    assert took == pytest.approx((400.0, 200.0, 600.0))
    assert cost == pytest.approx((6.0, 4.0, 8.0))
    assert found.whole(5, 10)[0].mean == pytest.approx(20.0)


def test_what_is_not_known_stays_unknown() -> None:
    found = of_rolled([Rolled(False, None, 10.0), Rolled(False, 0.04, 20.0)])
    assert found == Pilot(2, 0, None, Spread(15.0, 10.0, 20.0))
    assert (found.cost_per_kept, found.seconds_per_kept, found.whole(10, 1)[1]) == (None, None, None)
    assert of_rolled([]) is of_rolled([Rolled(False, None, None)]) is None


def test_the_newest_pilot_of_the_same_makeup_counts(db: Database) -> None:
    row = batches.get_batch(db, queue_batch(db, 3))
    pilot = row.batch.model_copy(update={"pilot_of": 200})
    old, new = replace(row, id=1, batch=pilot), replace(row, id=2, batch=pilot)
    other = replace(row, id=3, batch=pilot.model_copy(update={"teacher": Choice(name="llm")}))
    wanted = row.batch.model_copy(update={"trajectories": 200})
    assert latest_pilot(wanted, [other, new, old]) == new
    assert latest_pilot(wanted, [other, row]) is None
    assert pilot_of(db, row.id) is None, "nothing is rolled out yet"
