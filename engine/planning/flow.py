"""Minimum-cost flow through a network whose edges have capacities and convex costs. Pure and exact.

    flow = Flow(nodes)
    flow.edge(a, b, [(3, -5), (None, 5)])   # the first three units earn 5 each, every further one costs 5
    flow.send(source, sink, units)

Costs are whole numbers. Among equally cheap flows the result is the one whose edges were added first, so a caller that
wants ties broken at random adds edges in random order. The algorithm is successive shortest paths; all paths of one
length are filled before the next search, so the work grows with the number of different costs, not with the units.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class Flow:
    """A network without cycles of negative cost. Nodes are numbers from 0."""

    def __init__(self, nodes: int) -> None:
        self._from: list[list[int]] = [[] for _ in range(nodes)]
        self._to: list[int] = []
        self._room: list[int] = []
        self._cost: list[int] = []
        self._edges: list[list[int]] = []

    def edge(self, start: int, end: int, parts: Sequence[tuple[int | None, int]]) -> int:
        """Add an edge and return its number. `parts` are (units, cost per unit), cheapest first; units None is no
        limit."""
        arcs = []
        for units, cost in parts:
            if units != 0:
                arcs.append(len(self._to))
                self._arc(start, end, 1 << 62 if units is None else units, cost)
                self._arc(end, start, 0, -cost)
        self._edges.append(arcs)
        return len(self._edges) - 1

    def units(self, edge: int) -> int:
        """Return how many units flow through an edge."""
        return sum(self._room[arc ^ 1] for arc in self._edges[edge])

    def send(self, source: int, sink: int, units: int) -> int:
        """Send up to `units` units from source to sink at the least cost; return how many could be sent."""
        left = units
        while left and (distances := self._distances(source))[sink] is not None:
            while left and (pushed := self._fill(source, sink, left, distances)):
                left -= pushed
        return units - left

    def _arc(self, start: int, end: int, room: int, cost: int) -> None:
        self._from[start].append(len(self._to))
        self._to.append(end)
        self._room.append(room)
        self._cost.append(cost)

    def _distances(self, source: int) -> list[int | None]:
        """Return the least cost from the source to every node, None for an unreachable one (Bellman-Ford)."""
        to, room, cost = self._to, self._room, self._cost
        found: list[int | None] = [None] * len(self._from)
        found[source] = 0
        waiting, queued = deque([source]), {source}
        while waiting:
            node = waiting.popleft()
            queued.discard(node)
            base = found[node]
            assert base is not None
            for arc in self._from[node]:
                if room[arc]:
                    end, length = to[arc], base + cost[arc]
                    known = found[end]
                    if known is None or length < known:
                        found[end] = length
                        if end not in queued:
                            queued.add(end)
                            waiting.append(end)
        return found

    def _fill(self, source: int, sink: int, most: int, distances: list[int | None]) -> int:
        """Fill shortest paths of the fewest edges until none is left; return the units sent (a phase of Dinic)."""
        ways, levels = self._levels(source, sink, distances)
        if sink not in levels:
            return 0
        sent = 0
        path: list[int] = []
        node = source
        while True:
            if node == sink:
                pushed = min(most - sent, *(self._room[arc] for arc in path))
                for arc in path:
                    self._room[arc] -= pushed
                    self._room[arc ^ 1] += pushed
                sent += pushed
                path, node = [], source
                if sent == most:
                    return sent
            arcs = ways[node]
            while arcs and not self._room[arcs[-1]]:
                arcs.pop()
            if arcs:
                path.append(arcs[-1])
                node = self._to[arcs[-1]]
            elif not path:
                return sent
            else:
                node = self._to[path.pop() ^ 1]
                ways[node].pop()

    def _levels(
        self, source: int, sink: int, distances: list[int | None]
    ) -> tuple[dict[int, list[int]], dict[int, int]]:
        """Return for each node on shortest paths its arcs to the next level (last added first), and its level: the
        number of edges from the source."""
        levels = {source: 0}
        ways: dict[int, list[int]] = {sink: []}
        waiting = deque([source])
        while waiting:
            node = waiting.popleft()
            base = distances[node]
            assert base is not None
            ways[node] = []
            if sink in levels and levels[node] >= levels[sink]:
                continue
            for arc in self._from[node]:
                end = self._to[arc]
                if self._room[arc] and distances[end] == base + self._cost[arc]:
                    if end not in levels:
                        levels[end] = levels[node] + 1
                        waiting.append(end)
                    if levels[end] == levels[node] + 1:
                        ways[node].append(arc)
            ways[node].reverse()
        return ways, levels
