"""The cheapest flow is as cheap as the best found by trying every one."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.planning.flow import Flow


def cost_of(parts: list[tuple[int | None, int]], units: int) -> int:
    total = 0
    for room, each in parts:
        taken = units if room is None else min(units, room)
        total += taken * each
        units -= taken
    return total


convex = st.lists(st.integers(-4, 4), min_size=1, max_size=3).map(
    lambda each: [(1 if n < len(each) - 1 else None, cost) for n, cost in enumerate(sorted(each))]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(convex, min_size=6, max_size=6), st.integers(1, 4))
def test_it_is_as_cheap_as_the_best_of_all_ways(edges: list[list[tuple[int | None, int]]], units: int) -> None:
    """Source 0 → two nodes → two nodes → sink: the six edges in the middle and at the end have costs."""
    flow = Flow(6)
    first = [flow.edge(0, 1, [(None, 0)]), flow.edge(0, 2, [(None, 0)])]
    middle = [flow.edge(a, b, parts) for (a, b), parts in zip(product((1, 2), (3, 4)), edges[:4], strict=True)]
    last = [flow.edge(a, 5, parts) for a, parts in zip((3, 4), edges[4:], strict=True)]
    assert flow.send(0, 5, units) == units
    sent = [flow.units(edge) for edge in middle]
    assert [flow.units(edge) for edge in first] == [sent[0] + sent[1], sent[2] + sent[3]]
    assert [flow.units(edge) for edge in last] == [sent[0] + sent[2], sent[1] + sent[3]]

    def price(ways: tuple[int, ...]) -> int:
        ends = (ways[0] + ways[2], ways[1] + ways[3])
        return sum(cost_of(parts, n) for parts, n in zip(edges, (*ways, *ends), strict=True))

    best = min(price(ways) for ways in product(range(units + 1), repeat=4) if sum(ways) == units)
    assert price(tuple(sent)) == best


def test_what_finds_no_way_is_told() -> None:
    flow = Flow(3)
    flow.edge(0, 1, [(5, 0)])
    narrow = flow.edge(1, 2, [(2, 1)])
    assert flow.send(0, 2, 9) == 2
    assert flow.units(narrow) == 2


def test_of_equally_cheap_ways_the_first_one_is_taken() -> None:
    flow = Flow(4)
    edges = [flow.edge(0, 1, [(1, 0)]), flow.edge(0, 2, [(1, 0)])]
    flow.edge(1, 3, [(1, 0)])
    flow.edge(2, 3, [(1, 0)])
    flow.send(0, 3, 1)
    assert [flow.units(edge) for edge in edges] == [1, 0]
