"""How many tasks each domain, mode and number of requests gets. Pure; random ties are drawn from `rng`.

Plan version 1 rounds within each domain and gives ties to what is listed first. From version 2 on the counts per mode,
per number of requests and per domain are rounded by largest remainder over the whole batch, and each domain's tasks of
a mode (a "part") are within 1 of their share wherever the domain serves the mode. Ties are drawn. When not all of this
is possible, modes come first, then numbers of requests, then domains, then parts; what falls short, falls short by as
little as possible and is listed in `Quotas.shortfalls`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any, Literal, TypeVar

from engine.errors import InputError
from engine.planning.flow import Flow
from engine.types import PLAN_VERSIONS, Batch, Mode, mode_order

Choice = TypeVar("Choice", bound=Hashable)
Range = tuple[int, int]
"""The least and the most tasks of a share: equal, or one apart when a tie may be broken either way."""
ROUNDS = 200
"""The most iterations of `_fitted`. Exactness is not needed: its shares only decide which domains make up for those
that do not serve a mode."""
NEAR = 1e-6
"""A share this close to a whole number counts as it, because fitted shares are floats."""
SHOWN = 3
"""The most parts that a sentence about shortfalls names."""


@dataclass(frozen=True)
class Offer:
    """What one domain of a batch can serve: the weighted modes, and the most requests of a dialogue."""

    domain: str
    weight: float
    modes: Collection[Mode]
    longest: int


@dataclass(frozen=True)
class Shortfall:
    """A share with fewer tasks than it should have: a mode, a number of requests or a domain with fewer than its
    largest remainder gives, or a part that is more than 1 below its share.

    `what` names it; a part is (domain, mode). `unserved` means that no domain of the batch serves it at all, so that
    its share went to the others.
    """

    kind: Literal["mode", "turns", "domain", "part"]
    what: tuple[str, ...]
    wanted: int
    planned: int
    unserved: bool = False


@dataclass(frozen=True)
class Quotas:
    """Counts of tasks: `modes` by (index of the domain, mode), `turns` by (index of the domain, number of requests).

    Both have the same sum for each domain, and in all `tasks`.
    """

    domains: tuple[str, ...]
    modes: Mapping[tuple[int, Mode], int]
    turns: Mapping[tuple[int, int], int]
    shortfalls: tuple[Shortfall, ...] = ()

    @property
    def tasks(self) -> int:
        return sum(self.modes.values())

    def by_domain(self) -> dict[int, int]:
        """Return the tasks of each domain, by its index in the batch."""
        found: dict[int, int] = _summed(self.modes, 0)
        return found

    def by_mode(self) -> dict[Mode, int]:
        """Return the tasks per mode, in the order in which modes are shown."""
        found: dict[Mode, int] = _summed(self.modes, 1)
        return {mode: found[mode] for mode in sorted(found, key=mode_order)}

    def by_turns(self) -> dict[int, int]:
        """Return the tasks per number of requests, smallest number first."""
        return dict(sorted(_summed(self.turns, 1).items()))


def planned(batch: Batch, offers: Sequence[Offer], rng: random.Random) -> Quotas:
    """Return the quotas of a batch under its plan version; `offers` are its domains in order.

    Every domain must serve a mode with a weight. When no domain has dialogues of any requested length, these are
    planned all the same, and their tasks are rejected when they are drawn.
    """
    tasks = -(-batch.trajectories // batch.attempts)
    return _by_domain(batch, offers, tasks) if batch.plan == 1 else _Whole(batch, offers, tasks).quotas(rng)


def unknown_plan(batch: Batch, where: str = "plan_version") -> list[InputError]:
    """Return an error when the plan version does not exist here, else an empty list."""
    if batch.plan in PLAN_VERSIONS:
        return []
    known = " and ".join(map(str, PLAN_VERSIONS))
    move = "Leave it out for the newest, or update Turnwright."
    return [InputError(where, f"{batch.plan} is not known here, only {known}.", move)]


def sentences(shortfalls: Sequence[Shortfall], name: Callable[[str], str] = str) -> list[str]:
    """Return sentences on what falls short, one for all parts. `name` returns the label of a domain or a mode."""
    found = [_sentence(shortfall, name) for shortfall in shortfalls if shortfall.kind != "part"]
    parts = [shortfall for shortfall in shortfalls if shortfall.kind == "part"]
    if parts:
        few = [f"{name(s.what[1])} in {name(s.what[0])} ({s.planned} of {s.wanted})" for s in parts[:SHOWN]]
        few += [f"{len(parts) - SHOWN} more"] if len(parts) > SHOWN else []
        found.append(f"Below their share, to make up for what other domains do not serve: {', '.join(few)}.")
    return found


def _sentence(shortfall: Shortfall, name: Callable[[str], str]) -> str:
    what, kind = shortfall.what[0], shortfall.kind
    counts = f"{shortfall.planned} of {shortfall.wanted} tasks"
    if shortfall.unserved and kind == "mode":
        return f"No chosen domain serves {name(what)}: its share goes to the other modes."
    if shortfall.unserved:
        then = (
            f"the {shortfall.planned} tasks of it will be rejected"
            if shortfall.planned
            else "its share goes to shorter ones"
        )
        return f"No chosen domain has a dialogue of {what} user turns: {then}."
    if kind == "domain":
        return f"{name(what)} gets {counts}: it serves too few of the modes, or has too few long dialogues."
    if kind == "turns":
        return f"Dialogues of {what} user turns get {counts}: too few domains have them."
    return f"{name(what)} gets {counts}: too few domains serve it."


def _summed(counts: Mapping[Any, Any], place: int) -> dict[Any, Any]:
    """Return the sums of counts with pairs as keys, by the pair's first (`place` 0) or second (1) entry."""
    found: dict[Any, Any] = {}
    for key, count in counts.items():
        found[key[place]] = found.get(key[place], 0) + count
    return found


# ---------------------------------------------------------------- version 1


def _by_domain(batch: Batch, offers: Sequence[Offer], tasks: int) -> Quotas:
    modes: dict[tuple[int, Mode], int] = {}
    turns: dict[tuple[int, int], int] = {}
    for number, count in _rounded({n: offer.weight for n, offer in enumerate(offers)}, tasks).items():
        served = {mode: batch.weights[mode] for mode in sorted(offers[number].modes, key=mode_order)}
        modes |= {(number, mode): n for mode, n in _rounded(served, count).items()}
        weighted = {n: w for n, w in sorted(batch.turns.items()) if w > 0}
        turns |= {(number, length): n for length, n in _rounded(weighted, count).items()}
    return Quotas(tuple(offer.domain for offer in offers), modes, turns)


def _rounded(weights: Mapping[Choice, float], count: int) -> dict[Choice, int]:
    """Return counts that sum to `count` by largest remainder; a tie goes to what is listed first."""
    whole = sum(weights.values())
    exact: dict[Any, float] = {choice: count * weight / whole for choice, weight in weights.items()}
    counts = {choice: int(value) for choice, value in exact.items()}
    by_remainder = sorted(exact, key=lambda choice: counts[choice] - exact[choice])
    for choice in by_remainder[: count - sum(counts.values())]:
        counts[choice] += 1
    return counts


# ---------------------------------------------------------------- from version 2 on


def largest_remainders(weights: Mapping[Choice, float], count: int) -> dict[Choice, Range]:
    """Return the count of each choice by largest remainder, as a range: choices that tie for the last units may get one
    or not."""
    whole = sum(map(Fraction, weights.values()))
    exact = {choice: count * Fraction(weight) / whole for choice, weight in weights.items()}
    least = {choice: floor(value) for choice, value in exact.items()}
    over = count - sum(least.values())
    ranked = sorted((exact[choice] - least[choice] for choice in exact), reverse=True)
    last = ranked[over - 1] if over else Fraction(1)
    tied = ranked.count(last) > ranked[:over].count(last)
    found: dict[Choice, Range] = {}
    for choice, value in exact.items():
        part = value - least[choice]
        more = part > last or (part == last and over > 0)
        found[choice] = (least[choice] + (more and not (tied and part == last)), least[choice] + more)
    return found


class _Whole:
    """The whole batch as a flow network: modes → domains → numbers of requests, with one unit per task."""

    def __init__(self, batch: Batch, offers: Sequence[Offer], tasks: int) -> None:
        self.offers, self.tasks = offers, tasks
        given = sorted(batch.weights.items(), key=lambda pair: mode_order(pair[0]))
        self.weighted = {mode: weight for mode, weight in given if weight > 0}
        self.lengths = {n: weight for n, weight in sorted(batch.turns.items()) if weight > 0}
        served = {mode for offer in offers for mode in offer.modes}
        weights = {number: offer.weight for number, offer in enumerate(offers)}
        self.modes = {mode: weight for mode, weight in self.weighted.items() if mode in served}
        self.longest = [offer.longest for offer in offers]
        self.turns = {n: weight for n, weight in self.lengths.items() if n <= max(self.longest)}
        if not self.turns:
            self.turns, self.longest = self.lengths, [max(self.lengths)] * len(offers)
        self.of_domains = largest_remainders(weights, tasks)
        self.of_modes = largest_remainders(self.modes, tasks)
        self.of_turns = largest_remainders(self.turns, tasks)
        self.plain = _exact(weights, self.modes, tasks)
        self.fair_modes = _fitted(self.plain, lambda number, mode: mode in offers[number].modes)
        self.fair_turns = _fitted(
            _exact(_summed(self.fair_modes, 0), self.turns, tasks),
            lambda number, length: length <= self.longest[number],
        )

    def quotas(self, rng: random.Random) -> Quotas:
        modes, turns = self._solved(rng)
        found = Quotas(tuple(offer.domain for offer in self.offers), modes, turns)
        return Quotas(found.domains, found.modes, found.turns, (*self._unserved(found), *self._short(found)))

    def _solved(self, rng: random.Random) -> tuple[dict[tuple[int, Mode], int], dict[tuple[int, int], int]]:
        """Return the counts of the cheapest flow. Missing a share costs a power of `much`, so that no number of less
        important shares outweighs a more important one."""
        much = 4 * self.tasks + 4
        begin, end = ("source", 0), ("sink", 0)
        places: list[Any] = [begin, end, *self.modes, *self.turns]
        places += [(side, number) for number in range(len(self.offers)) for side in ("in", "out")]
        at = {place: number for number, place in enumerate(places)}
        flow = Flow(len(places))

        def shuffled(values: Collection[Any]) -> list[Any]:
            return rng.sample(list(values), len(values))

        for mode in shuffled(self.of_modes):
            flow.edge(at[begin], at[mode], costs((self.of_modes[mode], much**4)))
        cells = {}
        for number, mode in shuffled(self.fair_modes):
            near, fair = _near(self.plain[number, mode]), _around(self.fair_modes[number, mode])
            cells[number, mode] = flow.edge(at[mode], at["in", number], costs((near, much), (fair, 1)))
        for number in shuffled(self.of_domains):
            flow.edge(at["in", number], at["out", number], costs((self.of_domains[number], much**2)))
        lengths = {}
        for number, length in shuffled(self.fair_turns):
            fair = _around(self.fair_turns[number, length])
            lengths[number, length] = flow.edge(at["out", number], at[length], costs((fair, 1)))
        for length in shuffled(self.of_turns):
            flow.edge(at[length], at[end], costs((self.of_turns[length], much**3)))
        sent = flow.send(at[begin], at[end], self.tasks)
        assert sent == self.tasks, "every domain serves a mode and a number of requests"
        modes = {cell: flow.units(cells[cell]) for cell in sorted(cells, key=lambda c: (c[0], mode_order(c[1])))}
        return modes, {cell: flow.units(lengths[cell]) for cell in sorted(lengths)}

    def _unserved(self, found: Quotas) -> list[Shortfall]:
        served = {mode for offer in self.offers for mode in offer.modes}
        longest, turns = max(offer.longest for offer in self.offers), found.by_turns()
        modes, lengths = (largest_remainders(weights, self.tasks) for weights in (self.weighted, self.lengths))
        short = [Shortfall("mode", (m,), modes[m][0], 0, True) for m in self.weighted if m not in served]
        too_long = [n for n in self.lengths if n > longest]
        return short + [Shortfall("turns", (str(n),), lengths[n][0], turns.get(n, 0), True) for n in too_long]

    def _short(self, found: Quotas) -> list[Shortfall]:
        modes, turns, domains = found.by_mode(), found.by_turns(), found.by_domain()
        short = [Shortfall("mode", (m,), least, modes.get(m, 0)) for m, (least, _) in self.of_modes.items()]
        short += [Shortfall("turns", (str(n),), least, turns.get(n, 0)) for n, (least, _) in self.of_turns.items()]
        short += [
            Shortfall("domain", (found.domains[number],), least, domains.get(number, 0))
            for number, (least, _) in self.of_domains.items()
        ]
        short += [
            Shortfall("part", (found.domains[number], mode), _near(self.plain[number, mode])[0], count)
            for (number, mode), count in found.modes.items()
        ]
        return [entry for entry in short if entry.planned < entry.wanted]


def costs(*wanted: tuple[Range, int]) -> list[tuple[int | None, int]]:
    """Return the parts of an edge (see Flow.edge) on which each unit outside a range costs the range's cost, for
    several (range, cost) at once. Units below a range count as negative costs."""
    points = sorted({0, *(point for bounds, _ in wanted for point in bounds)})
    parts: list[tuple[int | None, int]] = []
    for point, following in zip(points, [*points[1:], None], strict=True):
        each = sum(cost * ((point >= most) - (point < least)) for (least, most), cost in wanted)
        parts.append((None if following is None else following - point, each))
    return parts


def _near(share: Fraction) -> Range:
    """Return the whole numbers within 1 of a share."""
    return max(0, ceil(share - 1)), floor(share + 1)


def _around(share: float) -> Range:
    """Return the whole numbers just below and above a share."""
    return max(0, floor(share + NEAR)), ceil(share - NEAR)


def _exact(
    rows: Mapping[int, float], columns: Mapping[Choice, float], tasks: int
) -> dict[tuple[int, Choice], Fraction]:
    """Return the share of each (row, column): the row's share times the column's."""
    whole = sum(map(Fraction, rows.values())) * sum(map(Fraction, columns.values()))
    return {
        (row, column): tasks * Fraction(weight) * Fraction(other) / whole
        for row, weight in rows.items()
        for column, other in columns.items()
    }


def _fitted(
    plain: Mapping[tuple[int, Choice], Fraction], serves: Callable[[int, Choice], bool]
) -> dict[tuple[int, Choice], float]:
    """Return shares of the served pairs that keep the column sums of the plain shares and, as far as possible, their
    row sums (iterative proportional fitting)."""
    cells = {cell: float(share) for cell, share in plain.items() if serves(*cell)}
    if len(cells) == len(plain):
        return cells
    sums = [_summed(plain, side) for side in (0, 1)]
    lines: list[dict[Any, list[tuple[int, Choice]]]] = [{}, {}]
    for cell in cells:
        for side in (0, 1):
            lines[side].setdefault(cell[side], []).append(cell)
    for _ in range(ROUNDS):
        worst = 0.0
        for side in (0, 1):
            for line, members in lines[side].items():
                have = sum(cells[cell] for cell in members)
                factor = float(sums[side][line]) / have if have else 0.0
                worst = max(worst, abs(factor - 1)) if side == 0 else worst
                for cell in members:
                    cells[cell] *= factor
        if worst < NEAR / 1000:
            break
    return cells
