"""A model plays the person behind the persona

It knows persona, goal and its own requests, never the policy, the tools, the reference chain or the tools' results.
Code, not only the prompt, ensures that it tells withheld values only when asked and that it does not end the dialogue
too early.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from engine import prompting
from engine.dialogue.closings import agrees, only_closes, thanks
from engine.dialogue.questions import asks, clarifications, wants_confirmation
from engine.dialogue.requests import begun_of
from engine.dialogue.secrets import Secret
from engine.dialogue.withheld import asked_for, may_be_told, withheld
from engine.errors import InputError
from engine.hygiene.user_guard import UserGuard
from engine.protocols import LLM, User
from engine.types import Completion, End, ModelCall, Options, Persona, Proof, Task, Turn, Unresolved
from engine.users._feedback import feedback_on
from engine.users._replies import SCHEMA, Reply, reply_of

__all__ = ["LLMUser"]

START = "(The talk begins now. Write your first message, with your first request.)"
MASK = "(told only when asked)"
AGAIN = 2
"""How often the model is asked again at one place of the talk, for whatever reason."""
_MOST_QUOTED = 600
"""Characters of a refused message that the model is shown again."""
_REFUSED = {"leak": "told_unasked", "early": "ended_early", "question": "left_a_question", "impossible": ""}
"""What a call is marked with by the reason for which its reply was refused here; "" where it did nothing wrong."""
_ENDS: dict[str, End] = {"transferred": "transferred", "out_of_scope": "out_of_scope", "impossible": "impossible"}


class Config(Options):
    """How the messages are written. The model and its sampling are those of the batch's user endpoint."""

    first_verbatim: bool = False
    """Say the first request in the words of its template, without asking the model."""
    best_of: Annotated[int, Field(ge=1, le=8)] = 1
    """Messages that may be written for each one that is sent: the first one is taken in which nothing is wrong, else
    the one with the least. A model with a fixed seed writes the same one each time."""
    feedback: bool = False
    """After the dialogue, ask the person how satisfied it is (0 to 1) and for a sentence why. One more call."""
    clarifications: Annotated[int, Field(ge=0, le=20)] = 2
    """Questions in a row that the assistant may ask for one request without a call. At one more the person leaves, and
    the request counts as unresolved. 0: any number."""
    cut_unresolved: bool = False
    """Cut the last request from the trajectory when it was impossible or its clarifications were used up and it changed
    nothing; what is left is judged, and may be kept."""


class LLMUser(User):
    """Ends the dialogue only when every request was made and answered, or when its patience is used up: after as many
    texts of the assistant as requests plus the persona's patience. `left` is True when it stopped without being
    satisfied. `calls` holds all its model calls, also those that gave no turn.

    A question of the assistant ends no dialogue, and neither does a yes to it, whatever the model calls its status.
    Thanks end it once everything was answered. A model that makes no request, or says nothing, also when it was asked
    again, has a `fault`.

    A request that is judged impossible ends the dialogue only as the last one; else the next request follows. The
    dialogue ends where the assistant asks more questions in a row than `clarifications` and does nothing.
    """

    asks = "user"

    def __init__(
        self, config: Config, *, llm: LLM | None, task: Task, proof: Proof, persona: Persona, seed: int
    ) -> None:
        if llm is None:
            raise InputError("models.user", "is missing.", 'Name a model for the user, or use "reference".')
        self._llm, self._task, self._config = llm, task, config
        self._guard = UserGuard(task, persona) if config.best_of > 1 else None
        openly = " \n ".join(turn.say for turn in task.turns)
        self._secrets = [[Secret(value) for value in withheld(turn, openly)] for turn in task.turns]
        self._patience = len(task.turns) + persona.patience
        self._prompt = prompting.render(
            "user",
            persona=persona,
            goal=self._masked(task.goal),
            requests=[turn.say for turn in task.turns],
            secrets=[turn.hidden for turn in task.turns if turn.hidden],
        )
        self._current = -1  # the number of the last request that was made
        self._opens: dict[int, bool | None] = {}  # by message index: whether the model says that it makes a request
        self._impossible: dict[int, int] = {}  # by number of the request: how many turns there were when it was judged
        self._place, self._asked_again, self._why_not = -1, 0, ""
        self._refused: list[Turn] = []  # replies that ended the talk too early at this place, each with a word to it
        self.left = False
        self.ending: End | None = None
        self.fault = ""
        self.cut_unresolved = config.cut_unresolved
        self.calls: list[ModelCall] = []

    @property
    def unresolved(self) -> Mapping[int, Unresolved]:
        """The requests so far that came to nothing, numbered from 0."""
        found: dict[int, Unresolved] = dict.fromkeys(self._impossible, "impossible")
        if self.ending == "clarifications_used_up":
            found[self._current] = "clarifications_used_up"
        return found

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        """Return the person's next message, or None when the dialogue is over. Raises ModelError.

        A reply that is refused is asked for again, with the reason, at most AGAIN times at one place. When the last one
        tells a withheld value, the task's own wording takes its place.
        """
        if self._place != len(turns):
            self._place, self._refused, self._asked_again, self._why_not = len(turns), [], 0, ""
        begun = begun_of(self._task, turns, self._opens)
        self._current = len(begun) - 1
        if self._clarifications_are_used_up(turns, begun):
            self.ending, self.left = "clarifications_used_up", True
            return None
        if self._config.first_verbatim and not begun and not self._asked_again:
            return self._first_words(len(turns))
        tired = len(_texts(turns)) >= self._patience
        while True:
            reply, completion, reason = await self._best(turns, begun, tired)
            if reason in (None, "impossible"):
                self._judge_request(reply, len(turns))
            if not reason or self._asked_again >= AGAIN:
                break
            self._mark(_REFUSED[reason], completion)
            self._refuse(_as_model_turn(reply), reason, turns, begun)
        if self._leaks(reply.message, turns, begun):
            reply = self._in_task_wording(reply, turns, begun)
        message = reply.message.strip()
        if self._is_over(reply, turns, begun, tired):
            self._end(reply, turns, begun, tired)
            if self.fault:
                self._mark(self.fault, completion)
            return None
        opens = self._opens[len(turns)] = None if reply.about is None else reply.about == "next_request"
        return completion.model_copy(update={"turn": Turn(role="user", content=message), "opens": opens})

    async def feedback(self, turns: Sequence[Turn]) -> dict[str, Any] | None:
        """Return how satisfied the person is with the dialogue, as `feedback_on` does; None without that option. Raises
        ModelError."""
        return await feedback_on(turns, self._llm, self.calls) if self._config.feedback else None

    def _first_words(self, place: int) -> Completion:
        """Return the first request in the words of its template. No model is asked."""
        self._opens[place] = True
        said = Turn(role="user", content=self._task.turns[0].say)
        return Completion(turn=said, call=ModelCall(role="user", model="template"), opens=True)

    async def _best(
        self, turns: Sequence[Turn], begun: Sequence[int], tired: bool
    ) -> tuple[Reply, Completion, str | None]:
        """Return the best of the replies that may be written here, and why it is not taken. The calls of the others are
        marked."""
        messages = [*self._messages(turns, begun), *self._refused]
        best: tuple[int, int, Reply, str | None, Completion] | None = None
        found: list[tuple[int, str]] = []  # (index of the call, what is wrong), by number of the reply
        for number in range(self._config.best_of):
            reply, completion = await self._ask(messages)
            reason = self._refusal_reason(reply, turns, begun, tired)
            wrong = self._guard.finding(reply.message, turns) if self._guard else None
            found.append((len(self.calls) - 1, _REFUSED[reason] if reason else wrong.reason if wrong else ""))
            faults = (reason is not None) + (wrong is not None)
            if best is None or faults < best[0]:
                best = (faults, number, reply, reason, completion)
            if not faults:
                break
        assert best is not None
        for number, (call, wrong_by) in enumerate(found):
            if number != best[1] and wrong_by:
                self.calls[call] = self.calls[call].model_copy(update={"not_taken": wrong_by})
        return best[2], best[4], best[3]

    def refused(self, text: str, why: str) -> bool:
        """Note that the last message was not taken; the next reply is asked for with the reason. Return whether it may
        still be asked for."""
        if self._asked_again >= AGAIN:
            return False
        self._asked_again += 1
        self._why_not = prompting.render("user_once_more", message=text[:_MOST_QUOTED], why=why)
        return True

    def _refuse(self, said: Turn, reason: str, turns: Sequence[Turn], begun: Sequence[int]) -> None:
        answered, requests = self._answered(turns, begun), len(self._task.turns)
        note = prompting.render("user_go_on", reason=reason, answered=answered, requests=requests)
        self._refused += [said, Turn(role="user", content=note)]
        self._asked_again += 1

    def _mark(self, reason: str, completion: Completion) -> None:
        """Note in the call of a completion why its reply was not taken."""
        place = next(at for at, call in enumerate(self.calls) if call is completion.call)
        self.calls[place] = completion.call.model_copy(update={"not_taken": reason})

    async def _ask(self, messages: Sequence[Turn]) -> tuple[Reply, Completion]:
        completion = await self._llm.complete(messages, response_schema=SCHEMA)
        self.calls.append(completion.call)
        return reply_of(completion.data, completion.turn.content), completion

    # ---------------------------------------------------------------- what becomes of a request

    def _judge_request(self, reply: Reply, place: int) -> None:
        """Note that the present request is judged impossible, or take that back where the person goes on with it, or is
        satisfied after a further answer."""
        number = self._current
        if number < 0:
            return
        if reply.status == "impossible":
            self._impossible[number] = place
        elif (reply.message.strip() and reply.about == "same_request") or (
            reply.status == "satisfied" and place > self._impossible.get(number, place)
        ):
            self._impossible.pop(number, None)

    def _clarifications_are_used_up(self, turns: Sequence[Turn], begun: Sequence[int]) -> bool:
        most = self._config.clarifications
        return bool(begun and most) and clarifications(turns[begun[-1] + 1 :]) > most

    # ---------------------------------------------------------------- when the talk is over

    def _is_over(self, reply: Reply, turns: Sequence[Turn], begun: Sequence[int], tired: bool) -> bool:
        """Return whether no message follows."""
        message = reply.message.strip()
        if tired or not message or self._gives_up_at_once(reply, begun):
            return True
        if self._ends_by_name(reply, turns, begun):
            return True
        if self._is_done(turns, begun):
            if reply.status == "continue":
                return self._says_goodbye(reply, begun)
            return not (agrees(message) or self._makes_request(reply, begun))
        return not (begun and self._is_asked(turns)) and only_closes(message)

    def _end(self, reply: Reply, turns: Sequence[Turn], begun: Sequence[int], tired: bool) -> None:
        """Set how the talk ended. It is the model's fault when it was asked for a message in vain."""
        done = self._answered(turns, begun) >= len(self._task.turns)
        if self._ends_by_name(reply, turns, begun):
            self.ending = _ENDS[reply.status]
        # who says nothing more to the last answer, and nothing else either, wants no more
        content = reply.status == "satisfied" or thanks(reply.message)
        content = content or (reply.status == "continue" and not reply.message.strip() and not self._is_asked(turns))
        self.left = self.ending is None and not (done and content)
        if tired and self.left:
            self.ending = "out_of_patience"
        if not self.left or tired or (reply.status == "gave_up" and begun) or self.ending is not None:
            return
        if len(begun) < len(self._task.turns):
            self.fault = "made_no_request"
        elif not reply.message.strip() and reply.status == "continue":
            self.fault = "said_nothing"

    def _is_done(self, turns: Sequence[Turn], begun: Sequence[int]) -> bool:
        """Return whether every request was made and answered, and the assistant waits for nothing."""
        return self._answered(turns, begun) >= len(self._task.turns) and not self._is_asked(turns)

    def _ends_by_name(self, reply: Reply, turns: Sequence[Turn], begun: Sequence[int]) -> bool:
        """Return whether the talk ends for a reason that the model names. What cannot be done ends it only as the last
        request, and nothing ends it before the assistant has spoken."""
        if reply.status not in _ENDS or not _texts(turns):
            return False
        return reply.status != "impossible" or len(begun) == len(self._task.turns)

    @staticmethod
    def _is_asked(turns: Sequence[Turn]) -> bool:
        """Return whether the last text of the talk is a question of the assistant."""
        last = next((turn for turn in reversed(turns) if _is_text(turn)), None)
        return (
            last is not None and last.role == "assistant" and (asks(last.content) or wants_confirmation(last.content))
        )

    def _makes_request(self, reply: Reply, begun: Sequence[int]) -> bool:
        return reply.about == "next_request" and len(begun) < len(self._task.turns)

    @staticmethod
    def _gives_up_at_once(reply: Reply, begun: Sequence[int]) -> bool:
        """Return whether the person gives up before it has made a request."""
        return not begun and reply.status == "gave_up" and reply.about != "next_request"

    def _says_goodbye(self, reply: Reply, begun: Sequence[int]) -> bool:
        return not self._makes_request(reply, begun) and thanks(reply.message)

    def _messages(self, turns: Sequence[Turn], begun: Sequence[int]) -> list[Turn]:
        """Return the dialogue as the model sees it: the user's messages in role `assistant`, the assistant's in role
        `user`."""
        # A message that no person writes is told of here and not shown in the talk, where it would invite another one.
        prompt = f"{self._prompt}\n\n{self._why_not}" if self._why_not else self._prompt
        found = [Turn(role="system", content=prompt), Turn(role="user", content=START)]
        for index, turn in enumerate(turns):
            if turn.role == "user":
                reply = Reply(message=turn.content, about="next_request" if index in begun else "same_request")
                found.append(_as_model_turn(reply))
            elif _is_text(turn):
                found.append(Turn(role="user", content=turn.content))
        return found

    def _answered(self, turns: Sequence[Turn], begun: Sequence[int]) -> int:
        """Return how many requests were answered. The assistant's question for a withheld value is no answer."""
        if not begun:
            return 0
        number, since = len(begun) - 1, turns[begun[-1] + 1 :]
        texts = _texts(since)
        no_reply = not any(turn.role == "user" for turn in since)
        asked = bool(self._secrets[number]) and no_reply and bool(texts) and asked_for(self._task, number, texts[-1])
        return number + (bool(texts) and not asked)

    def _refusal_reason(self, reply: Reply, turns: Sequence[Turn], begun: Sequence[int], tired: bool) -> str | None:
        """Return why the reply is not taken, None when it is: "leak" when it tells a withheld value unasked, "early"
        when it ends the dialogue too early or is empty, "question" when it leaves a question unanswered, "impossible"
        when it finds the present request impossible and does not make the next one."""
        if self._leaks(reply.message, turns, begun):
            return "leak"
        if tired:
            return None
        if self._ends_by_name(reply, turns, begun):
            return None
        message, asked = reply.message.strip(), self._is_asked(turns)
        if reply.status == "impossible" and begun and (not message or (reply.about == "same_request" and not asked)):
            return "impossible"
        if self._answered(turns, begun) >= len(self._task.turns):
            if asked and not message and reply.status != "gave_up":
                return "question" if self._asked_again == 0 else None
            again = reply.status == "gave_up" and self._asked_again == 0
            return "early" if again or (not message and reply.status == "continue") else None
        if self._gives_up_at_once(reply, begun):
            return "early"
        wants = bool(message) and (asked or agrees(message) or self._makes_request(reply, begun))
        if not message or (reply.status == "satisfied" and begun and not wants):
            return "early"
        closes = thanks(message) if begun and reply.about == "same_request" else only_closes(message)
        if closes and not (begun and asked):
            return "early"
        return "early" if reply.status == "gave_up" and self._asked_again == 0 else None

    def _leaks(self, message: str, turns: Sequence[Turn], begun: Sequence[int]) -> bool:
        """Return whether a message tells a withheld value before its request was made and the assistant asked for
        it."""
        return any(
            secret.told_in(message)
            and not (number < len(begun) and may_be_told(self._task, number, _texts(turns[begun[number] :])))
            for number, secrets in enumerate(self._secrets)
            for secret in secrets
        )

    def _in_task_wording(self, reply: Reply, turns: Sequence[Turn], begun: Sequence[int]) -> Reply:
        """Return the reply with the task's own wording as its message: that of the present request while the assistant
        asks something, else that of the next request."""
        last = "".join(_texts(turns)[-1:])
        again = bool(begun) and (asks(last) or wants_confirmation(last) or len(begun) == len(self._task.turns))
        say = self._task.turns[len(begun) - again].say
        return reply.model_copy(update={"message": say, "about": "same_request" if again else "next_request"})

    def _masked(self, goal: str) -> str:
        """Return the goal without the withheld values, in any spelling."""
        every = {secret.value: secret for secrets in self._secrets for secret in secrets}
        for value in sorted(every, key=len, reverse=True):
            goal = every[value].masked(goal, MASK)
        return goal


def _is_text(turn: Turn) -> bool:
    return turn.role in ("user", "assistant") and bool(turn.content) and not turn.tool_calls


def _texts(turns: Sequence[Turn]) -> list[str]:
    """Return the assistant's messages without tool calls."""
    return [turn.content for turn in turns if turn.role == "assistant" and _is_text(turn)]


def _as_model_turn(reply: Reply) -> Turn:
    return Turn(role="assistant", content=reply.model_dump_json(exclude_none=True))
