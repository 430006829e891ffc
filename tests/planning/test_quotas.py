"""Shares are exact over a batch; where they conflict, they give way in the promised order, as little as possible."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from itertools import product
from math import floor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.domains import catalog
from engine.planning.planner import check, plan, quotas_of
from engine.planning.quotas import Offer, Quotas, Shortfall, largest_remainders, planned, sentences
from engine.settings import CATALOG
from engine.types import MODES, Batch, Domain, DomainShare, Mode, Persona
from tests.samples.batches import batch_of

Case = tuple[Batch, list[Offer]]
weight = st.one_of(st.just(1.0), st.integers(1, 50).map(float), st.integers(1, 2000).map(lambda n: n / 100))


def case(
    offers: list[tuple[float, tuple[Mode, ...], int]],
    modes: dict[Mode, float],
    turns: dict[int, float],
    tasks: int,
    **changes: object,
) -> Case:
    named = [Offer(f"d{n}", w, served, longest) for n, (w, served, longest) in enumerate(offers)]
    shares = tuple(DomainShare(id=offer.domain, weight=offer.weight) for offer in named)
    values = {"name": "b", "domains": shares, "trajectories": tasks, "modes": modes, "turns": turns, "plan_version": 2}
    return Batch.model_validate(values | changes), named


@st.composite
def cases(draw: st.DrawFn, domains: int = 6, tasks: int = 300, partial: bool = True) -> Case:
    modes = draw(st.dictionaries(st.sampled_from(MODES), weight, min_size=1))
    turns = draw(st.dictionaries(st.integers(1, 4), weight, min_size=1))
    shortest, offers = min(turns), []
    for _ in range(draw(st.integers(1, domains))):
        served = draw(st.sets(st.sampled_from(sorted(modes)), min_size=1)) if partial else set(modes)
        longest = draw(st.integers(shortest, 4)) if partial else 4
        offers.append((draw(weight), tuple(m for m in MODES if m in served), longest))
    return case(offers, modes, turns, draw(st.integers(1, tasks)))


def solved(given_case: Case, seed: int = 0) -> Quotas:
    batch, offers = given_case
    return planned(batch, offers, random.Random(seed))


def shares(weights: dict, tasks: int) -> dict:
    whole = sum(map(Fraction, weights.values()))
    return {choice: tasks * Fraction(w) / whole for choice, w in weights.items()}


def is_largest_remainder(counts: dict, weights: dict, tasks: int) -> bool:
    """Whether the counts sum up, round each share down or up, and leave no larger remainder down than they take up."""
    exact = shares(weights, tasks)
    found = {choice: counts.get(choice, 0) for choice in exact}
    up = [exact[c] - floor(exact[c]) for c in exact if found[c] == floor(exact[c]) + 1]
    down = [exact[c] - floor(exact[c]) for c in exact if found[c] == floor(exact[c])]
    return (
        sum(counts.values()) == tasks
        and len(up) + len(down) == len(exact)
        and min(up, default=Fraction(1)) >= max(down, default=Fraction(0))
    )


def served_weights(batch: Batch, offers: list[Offer]) -> tuple[dict[Mode, float], dict[int, float], dict[int, float]]:
    served, longest = {m for offer in offers for m in offer.modes}, max(offer.longest for offer in offers)
    modes = {m: w for m, w in batch.modes.items() if w > 0 and m in served}
    return (
        modes,
        {n: w for n, w in batch.turns.items() if w > 0 and n <= longest},
        dict(enumerate(offer.weight for offer in offers)),
    )


# ---------------------------------------------------------------- what always holds


@settings(max_examples=80, deadline=None)
@given(cases(), st.integers(0, 3))
def test_every_sum_is_exact_and_nothing_goes_where_it_is_not_served(found: Case, seed: int) -> None:
    batch, offers = found
    quotas = solved(found, seed)
    assert quotas.tasks == sum(quotas.turns.values()) == batch.trajectories
    assert all(count >= 0 for count in (*quotas.modes.values(), *quotas.turns.values()))
    per_turn = Counter[int]()
    for (number, length), count in quotas.turns.items():
        per_turn[number] += count
        assert count == 0 or length <= offers[number].longest
    assert {n: c for n, c in per_turn.items() if c} == {n: c for n, c in quotas.by_domain().items() if c}
    assert all(count == 0 or mode in offers[number].modes for (number, mode), count in quotas.modes.items())
    assert quotas == solved(found, seed), "the same seed gives the same"


@settings(max_examples=80, deadline=None)
@given(cases(partial=False), st.integers(0, 3))
def test_where_all_is_served_every_share_holds_and_every_part_is_within_one(found: Case, seed: int) -> None:
    batch, offers = found
    quotas = solved(found, seed)
    modes, turns, domains = served_weights(batch, offers)
    tasks = batch.trajectories
    assert {shortfall.kind for shortfall in quotas.shortfalls} <= {"part"}
    assert is_largest_remainder(quotas.by_domain(), domains, tasks)
    assert is_largest_remainder(quotas.by_mode(), modes, tasks)
    assert is_largest_remainder(quotas.by_turns(), turns, tasks)
    of_modes, of_domains = shares(modes, tasks), shares(domains, tasks)
    if max(of_modes.values()) + max(of_domains.values()) <= tasks:  # else three one-way shares may leave no way
        for number, mode in product(domains, modes):
            part = of_modes[mode] * of_domains[number] / tasks
            assert abs(quotas.modes[number, mode] - part) <= 1, (number, mode)


# ---------------------------------------------------------------- what gives way, and by how little


@settings(max_examples=80, deadline=None)
@given(cases(), st.integers(0, 3))
def test_the_share_of_a_mode_always_holds(found: Case, seed: int) -> None:
    modes, _, _ = served_weights(*found)
    assert is_largest_remainder(solved(found, seed).by_mode(), modes, found[0].trajectories)


def ways(found: Case) -> list[Quotas]:
    """Return every way to share out the tasks of a small batch among what is served."""
    batch, offers = found
    cells = [(n, m) for n, offer in enumerate(offers) for m in offer.modes]
    lengths = [n for n, w in batch.turns.items() if w > 0]
    every = []
    for counts in _sums(batch.trajectories, len(cells)):
        modes = dict(zip(cells, counts, strict=True))
        rows = [sum(c for (n, _), c in modes.items() if n == number) for number in range(len(offers))]
        fitting = [
            [way for way in _sums(row, len(lengths)) if all(c == 0 or n <= offers[number].longest
             for n, c in zip(lengths, way, strict=True))]
            for number, row in enumerate(rows)
        ]  # fmt: skip
        for chosen in product(*fitting):
            turns = {(d, n): c for d, way in enumerate(chosen) for n, c in zip(lengths, way, strict=True)}
            every.append(Quotas(tuple(o.domain for o in offers), modes, turns))
    return every


def _sums(total: int, places: int) -> list[tuple[int, ...]]:
    if places == 1:
        return [(total,)]
    return [(first, *rest) for first in range(total + 1) for rest in _sums(total - first, places - 1)]


def _short(counts: dict, weights: dict, tasks: int) -> int:
    """Return by how much the counts miss the ranges of largest remainder."""
    ranges = largest_remainders(weights, tasks)
    return sum(max(least - counts.get(c, 0), counts.get(c, 0) - most, 0) for c, (least, most) in ranges.items())


def misses(found: Case, quotas: Quotas) -> tuple[int, int, int, int]:
    """Return by how much modes, numbers of requests, domains and parts miss, in the order in which they give way."""
    modes, turns, domains = served_weights(*found)
    tasks = found[0].trajectories
    of_modes, of_domains = shares(modes, tasks), shares(domains, tasks)
    parts = sum(
        max(0, -(-abs(count - of_modes[mode] * of_domains[number] / tasks) // 1) - 1)
        for (number, mode), count in quotas.modes.items()
    )
    return (
        _short(quotas.by_mode(), modes, tasks),
        _short(quotas.by_turns(), turns, tasks),
        _short(quotas.by_domain(), domains, tasks),
        int(parts),
    )


@st.composite
def small(draw: st.DrawFn) -> Case:
    chosen: tuple[Mode, ...] = ("single", "no_tool", "parallel")
    turns = draw(st.sampled_from([{1: 1.0}, {1: 1.0, 2: 1.0}, {1: 1.0, 2: 3.0}, {2: 2.0, 3: 1.0}]))
    offers = []
    for _ in range(2):
        served = draw(st.sets(st.sampled_from(chosen), min_size=1, max_size=2))
        own = draw(st.sampled_from([1.0, 2.0, 0.5]))
        offers.append((own, tuple(m for m in MODES if m in served), draw(st.integers(min(turns), 3))))
    weights = {m: draw(st.sampled_from([1.0, 3.0])) for m in chosen}
    return case(offers, weights, turns, draw(st.integers(1, 5)))


@settings(max_examples=60, deadline=None)
@given(small(), st.integers(0, 3))
@example(case([(1.0, ("single",), 1), (1.0, ("no_tool",), 2)], {"single": 1, "no_tool": 3}, {1: 1, 2: 3}, 4), 0)
def test_what_cannot_hold_gives_way_in_order_and_by_no_more_than_it_must(found: Case, seed: int) -> None:
    best = min(misses(found, way) for way in ways(found))
    assert misses(found, solved(found, seed)) == best


@settings(max_examples=80, deadline=None)
@given(cases(), st.integers(0, 3))
def test_each_shortfall_is_told_and_nothing_else(found: Case, seed: int) -> None:
    batch, offers = found
    quotas = solved(found, seed)
    modes, turns, domains = served_weights(batch, offers)
    told = {(s.kind, s.what[0]): s for s in quotas.shortfalls if s.kind != "part"}
    unserved = {("mode", m) for m in batch.modes if m not in modes} | {
        ("turns", str(n)) for n in batch.turns if n not in turns
    }
    assert {key for key, s in told.items() if s.unserved} == unserved
    want = [("turns", str(n), r[0], quotas.by_turns().get(n, 0)) for n, r in _ranges(turns, batch).items()]
    want += [("domain", f"d{n}", r[0], quotas.by_domain().get(n, 0)) for n, r in _ranges(domains, batch).items()]
    short = {(kind, what, least, have) for kind, what, least, have in want if have < least}
    assert {(s.kind, s.what[0], s.wanted, s.planned) for s in told.values() if not s.unserved} == short
    of_modes, of_domains = shares(modes, batch.trajectories), shares(domains, batch.trajectories)
    low = {
        (f"d{number}", mode)
        for (number, mode), count in quotas.modes.items()
        if of_modes[mode] * of_domains[number] / batch.trajectories - count > 1
    }
    assert {s.what for s in quotas.shortfalls if s.kind == "part"} == low


def _ranges(weights: dict, batch: Batch) -> dict:
    return largest_remainders(weights, batch.trajectories)


# ---------------------------------------------------------------- ties


def test_ties_go_by_the_seed_and_not_to_what_is_listed_first() -> None:
    found = case([(1.0, MODES, 4)] * 4, dict.fromkeys(MODES, 1.0), {1: 1.0}, 20)
    more = Counter(mode for seed in range(200) for mode, n in solved(found, seed).by_mode().items() if n == 3)
    assert set(more) == set(MODES)
    assert max(more.values()) < 3 * min(more.values()), more
    three = case([(1.0, MODES, 4)] * 4, dict.fromkeys(MODES, 1.0), {1: 1.0}, 3)
    left_out = Counter(d for seed in range(200) for d in range(4) if not solved(three, seed).by_domain().get(d))
    assert max(left_out.values()) < 3 * min(left_out.values()), left_out


def test_a_tie_falls_where_everything_else_can_hold() -> None:
    """Either mode may get the odd task; only one of the two choices lets both domains have their share."""
    found = case([(3.0, ("single",), 4), (2.0, ("no_tool",), 4)], {"single": 1, "no_tool": 1}, {1: 1}, 5)
    for seed in range(20):
        quotas = solved(found, seed)
        assert quotas.by_mode() == {"single": 3, "no_tool": 2}
        assert quotas.shortfalls == ()


# ---------------------------------------------------------------- cases that people meet


def test_the_defaults_of_the_form_show_every_mode_two_or_three_times(persona: Persona) -> None:
    packs = {
        domain.digest: domain for domain in map(catalog.load, sorted(p.parent for p in CATALOG.glob("*/domain.yaml")))
    }
    for seed in range(3):
        batch = Batch(
            name="batch 1", trajectories=20, seed=seed, plan_version=2,
            domains=tuple(DomainShare(id=d.id, digest=d.digest) for d in packs.values()),
        )  # fmt: skip
        check(batch, packs, [persona])
        specs = list(plan(batch, packs, [persona]))
        modes = Counter(spec.mode for spec in specs)
        assert set(modes) == set(MODES)
        assert set(modes.values()) == {2, 3}
        assert set(Counter(spec.domain for spec in specs).values()) == {5}
        assert quotas_of(batch, packs).by_mode() == modes, "the page shows what is planned"


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_plan_keeps_its_quotas_over_the_tasks(ledger: Domain, persona: Persona, attempts: int) -> None:
    batch = batch_of(
        ledger, trajectories=45 * attempts,
        attempts=attempts, plan_version=2, turns={1: 2.0, 2: 1.0},
    )  # fmt: skip
    every = list(plan(batch, {ledger.digest: ledger}, [persona]))
    assert len({spec.id for spec in every}) == len({spec.seed for spec in every}) == len(every) == 45 * attempts
    specs = [spec for spec in every if spec.attempt == 0]
    assert Counter(spec.mode for spec in specs) == dict.fromkeys(MODES, 5)
    quotas = quotas_of(batch, {ledger.digest: ledger})
    assert quotas.by_turns() == {1: 30, 2: 15}
    lengths = Counter(len(spec.task.turns) for spec in specs if spec.task)
    assert lengths[1] <= 30
    assert lengths[2] <= 15


def test_dialogues_of_each_length_come_from_every_domain() -> None:
    quotas = solved(case([(1.0, MODES, 4)] * 5, dict.fromkeys(MODES, 1.0), {1: 3.0, 2: 1.0}, 40))
    assert {quotas.turns[number, 2] for number in range(5)} == {2}


def test_the_sentences_name_what_is_short_and_why() -> None:
    modes: dict[Mode, float] = {"single": 1, "no_tool": 9, "parallel": 2}
    offers: list = [(1.0, ("single",), 1), (1.0, ("single", "no_tool"), 2)]
    told = sentences(solved(case(offers, modes, {1: 1, 2: 4, 4: 1}, 12)).shortfalls, str.upper)
    assert told == [
        "No chosen domain serves PARALLEL: its share goes to the other modes.",
        "No chosen domain has a dialogue of 4 user turns: its share goes to shorter ones.",
        "D0 gets 1 of 6 tasks: it serves too few of the modes, or has too few long dialogues.",
    ]
    long = solved(case([(1.0, ("single",), 1), (1.0, ("no_tool",), 2)], {"single": 3, "no_tool": 1}, {1: 1, 2: 3}, 4))
    assert long.shortfalls[0] == Shortfall("turns", ("2",), 3, 1)
    assert sentences(long.shortfalls)[0] == "Dialogues of 2 user turns get 1 of 3 tasks: too few domains have them."
    narrow = solved(case([(1.0, ("single",), 1), (1.0, MODES, 1)], dict.fromkeys(MODES, 1.0), {1: 1}, 90))
    assert sentences(narrow.shortfalls)[-1] == (
        "Below their share, to make up for what other domains do not serve: single in d1 (0 of 4)."
    )


def test_one_template_serves_no_dialogue_longer_than_itself(ledger: Domain, persona: Persona) -> None:
    share = DomainShare(id="ledger", digest=ledger.digest, templates=("move",))
    batch = Batch(name="b", domains=(share,), trajectories=12, turns={1: 1, 2: 1, 3: 1}, plan_version=2)
    quotas = quotas_of(batch, {ledger.digest: ledger})
    assert quotas.by_turns() == {1: 6, 2: 6}
    assert [s.what for s in quotas.shortfalls if s.kind == "turns"] == [("3",)]
    only_long = batch.model_copy(update={"turns": {3: 1.0}})
    check(only_long, {ledger.digest: ledger}, [persona])
    quotas = quotas_of(only_long, {ledger.digest: ledger})
    assert quotas.by_turns() == {3: 12}
    assert sentences(quotas.shortfalls)[-1] == (
        "No chosen domain has a dialogue of 3 user turns: the 12 tasks of it will be rejected."
    )
    assert {s.rejected for s in plan(only_long, {ledger.digest: ledger}, [persona])} == {"no_slot_rows"}
