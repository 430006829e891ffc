"""The mode of a request as the template has it; other modes inherit from it and override what differs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random

from engine.protocols import Mode
from engine.types import Domain, Finding, Options, Span, TaskTemplate, TaskTurn, TemplateTurn, Tool, Trajectory


class PlainMode(Mode):
    """Serves every template whose first request needs a call, offers the needed tools and a drawn number of others, and
    demands nothing beyond the end state and the facts."""

    help = ""
    short = False
    hard = False
    at_once = False

    def __init__(self, config: Options) -> None:
        """No shipped mode has options."""

    def serves(self, domain: Domain, template: TaskTemplate) -> bool:
        return bool(template.turns[0].chain)

    def question(self, domain: Domain, rng: Random) -> TaskTurn | None:
        return None

    def drawn(self, domain: Domain, turn: TemplateTurn, plain: TaskTurn, rng: Random) -> TaskTurn:
        return plain

    def withheld(self, domain: Domain, turn: TemplateTurn) -> tuple[str, ...]:
        return ()

    def exercised(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn) -> bool:
        return True

    def fault(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn, rng: Random) -> int | None:
        return None

    def offered(
        self, domain: Domain, needed: Collection[str], withheld: Collection[str], rng: Random
    ) -> tuple[Tool, ...]:
        others = [t.name for t in domain.tools if not t.distractor and t.name not in needed and t.name not in withheld]
        least = min(3, len(others))
        chosen = {*needed, *rng.sample(others, rng.randint(least, len(others)))}
        return tuple(tool for tool in domain.tools if tool.name in chosen)

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding | None:
        return None
