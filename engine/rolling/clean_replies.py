"""Has each reply of a model cleaned and checked before it becomes a turn (engine/hygiene).

Thoughts that stand in its text in a known form are cut out. A reply that is still wrong is asked for once more, that of
a simulated user twice and with the reason; when the last one is wrong too, the dialogue cannot become data and ends.
What was not taken is kept beside the turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine import plugins
from engine.hygiene import cut_off, refusals
from engine.hygiene.check import check
from engine.hygiene.findings import Context, Finding, Reason
from engine.hygiene.prose import LONGEST_QUOTE, Prose
from engine.hygiene.thoughts import joined_thoughts, split
from engine.protocols import Teacher, User
from engine.rolling.attempt import Attempt
from engine.types import (
    NOT_TAKEN,
    PROVIDER_STATE,
    RAW_REPLY,
    TOKENS,
    Attachment,
    Completion,
    ModelCall,
    Trajectory,
    Turn,
)

TRIES = 2
"""Replies that an assistant is asked for at one place of a dialogue."""
USER_TRIES = 3
"""Replies that a simulated user is asked for at one place."""
_SAID: Mapping[Reason, str] = {
    "leaked_thinking": "holds thinking that was not meant to be said",
    "played_both_sides": "plays the other side as well",
    "invented_result": "invents the result of a call",
    "refused": "refuses though nothing in the talk asks for it",
    "wrong_language": "is in another language than the batch wants",
    "cut_off": "ends in the middle",
    "special_tokens": "holds control tokens of the model",
    "leftovers": "holds leftovers of JSON, a fence or a form",
    "invented_value": "gives a value that neither the task nor the assistant gave",
    "names_the_exercise": "names a tool or rule of the exercise, which the person cannot know",
}
_FAULTS: Mapping[str, str] = {
    "made_no_request": "ended the talk, or only said thanks, before it had made all its requests",
    "said_nothing": "wrote an empty message",
}
"""By `User.fault`, what the user did."""


@dataclass(frozen=True)
class CheckedReply:
    """A reply as far as it can become a turn; None when the player ended the dialogue.

    `not_taken` holds the replies before it that were refused, as JSON. `finding` says what is wrong with the reply
    itself, so that the dialogue must end.
    """

    reply: Completion | None
    not_taken: tuple[dict[str, str], ...] = ()
    finding: Finding | None = None

    def attachments(self, turn: int) -> Iterator[Attachment]:
        """Yield what is kept beside the turn at this index."""
        if self.reply is not None and self.reply.raw is not None:
            yield Attachment(turn=turn, kind=RAW_REPLY, value=self.reply.raw)
        if self.not_taken:
            yield Attachment(turn=turn, kind=NOT_TAKEN, value=list(self.not_taken))
        if self.reply is not None and self.reply.turn.role == "assistant":
            if self.reply.state is not None:
                yield Attachment(turn=turn, kind=PROVIDER_STATE, value=self.reply.state)
            if self.reply.tokens is not None:
                yield Attachment(turn=turn, kind=TOKENS, value=self.reply.tokens)


async def checked_reply(
    attempt: Attempt, player: Teacher | User, ask: Callable[[], Awaitable[Completion | None]]
) -> CheckedReply:
    """Return the player's next reply, for which it is asked by `ask`, cleaned and checked. Raises what `ask` raises.
    Replies of a player without a model are as they are."""
    not_taken: list[dict[str, str]] = []
    while True:
        given = await ask()
        if given is None or player.asks is None:
            return CheckedReply(given, tuple(not_taken))
        reply = _without_thoughts(given)
        finding = _first_finding(reply, attempt)
        if finding is not None:
            _mark(player, given.call, finding.reason)
        if finding is None or not _may_be_asked_again(player, reply, finding, len(not_taken) + 1):
            return CheckedReply(reply, tuple(not_taken), finding)
        text = given.turn.content if given.raw is None else given.raw
        not_taken.append({"text": text, "reason": finding.reason, "quote": finding.quote})


def _may_be_asked_again(player: Teacher | User, reply: Completion, finding: Finding, asked: int) -> bool:
    """Return whether the player is asked once more after so many replies. A user is told the reason."""
    if reply.turn.role != "user":
        return asked < TRIES
    quote = f' ("{finding.quote}")' if finding.quote else ""
    refused = getattr(player, "refused", None)
    return asked < USER_TRIES and (
        refused is None or refused(reply.turn.content, f"it {_SAID[finding.reason]}{quote}.")
    )


def faulty_record(attempt: Attempt) -> Trajectory:
    """Return the record of a dialogue in which the user failed as a person, so that nothing is known of the agent."""
    did = _FAULTS.get(attempt.user_fault, attempt.user_fault.replace("_", " "))
    return attempt.record(
        status="rejected",
        stage="rolled_out",
        reason=attempt.user_fault,
        detail=f"The simulated user {did}, also when it was asked again.",
        outcome="unmeasured",
        culprit="user",
    )


def unclean_record(attempt: Attempt, finding: Finding) -> Trajectory:
    """Return the record of a dialogue that ended at its last turn, because this is wrong with its text. It is the
    agent's failure when the text is the assistant's; when it is the user's, nothing is known of the agent."""
    role = attempt.turns[-1].role
    quote = f': "{finding.quote}"' if finding.quote else "."
    agent = role == "assistant"
    asked = "asked once more" if agent else "asked again with the reason"
    return attempt.record(
        status="rejected",
        stage="rolled_out",
        reason=finding.reason,
        detail=f"The {role}'s text {_SAID[finding.reason]}, also when it was {asked}{quote}",
        outcome="failure" if agent else "unmeasured",
        culprit="agent" if agent else "user",
    )


def _without_thoughts(reply: Completion) -> Completion:
    """Return the reply without thoughts in its text. An assistant's become its reasoning; those of a user are dropped,
    because nobody in the dialogue may see them."""
    turn = reply.turn
    thoughts = split(turn.content) if turn.content else None
    if thoughts is None or not thoughts.found:
        return reply
    change: dict[str, Any] = {"content": thoughts.text.strip()}
    if turn.role == "assistant":
        change["reasoning"] = joined_thoughts(turn.reasoning, thoughts.reasoning)
    raw = turn.content if reply.raw is None else reply.raw
    return reply.model_copy(update={"turn": turn.model_copy(update=change), "raw": raw})


def _first_finding(reply: Completion, attempt: Attempt) -> Finding | None:
    """Return the worst that is wrong with a reply, None when nothing is."""
    turn, finish = reply.turn, reply.call.finish
    if not turn.content.strip():
        return None if turn.tool_calls else _finding_of_nothing(turn, reply.raw, finish)
    assistant = turn.role == "assistant"
    context = Context(
        role="assistant" if assistant else "user",
        tools=attempt.tool_names,
        policy=attempt.domain.policy,
        earlier=attempt.turns,
        finish=finish,
        language=attempt.parts.batch.language,
        names=attempt.names,
        declines=assistant and _is_to_decline(attempt),
    )
    found = check(turn.content, context)
    if assistant:
        return found[0] if found else None
    unknown = attempt.guard.finding(turn.content, attempt.turns)
    if unknown is not None and (not found or unknown.reason == "names_the_exercise"):
        return unknown
    return found[0] if found else None


def _is_to_decline(attempt: Attempt) -> bool:
    """Return whether the request at hand is to be declined: its mode asks for that, or the reference does so too."""
    at = len(attempt.begun) - 1
    kinds, proven = attempt.task.modes, attempt.proof.turns if attempt.proof else ()
    if 0 <= at < len(kinds) and plugins.trait("modes", kinds[at], "declines", False):
        return True
    return 0 <= at < len(proven) and declines(proven[at].answer)


@lru_cache(maxsize=4096)
def declines(answer: str) -> bool:
    """Return whether a proven answer refuses, so that the assistant's may refuse too."""
    return refusals.find(Prose(answer), Context(role="assistant")) is not None


def _finding_of_nothing(turn: Turn, raw: str | None, finish: str | None) -> Finding | None:
    """Return the finding for a reply without text: a thought that was never closed. None where there was no thought:
    that reply is the player's own business."""
    thought = turn.reasoning or raw
    if not thought:
        return None
    return Finding(
        "cut_off" if cut_off.used_up(finish) else "leaked_thinking", " ".join(thought.split())[:LONGEST_QUOTE]
    )


def _mark(player: Teacher | User, call: ModelCall, reason: Reason) -> None:
    """Note in the player's calls that the reply of this one was not taken."""
    for index in range(len(player.calls) - 1, -1, -1):
        if player.calls[index] is call:
            player.calls[index] = call.model_copy(update={"not_taken": reason})
            return
