"""Preferences: a better and a worse attempt at one task (DPO, ranks), or attempts with a label (KTO).

The sides of a pair branch at the first call in which they differ. Better is what was kept, the highest reward first;
worse is what the judges rejected and the assistant is to blame for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from engine.exporting.content import content_id_of, offered_tools, tool_schemas
from engine.exporting.dialogue import before_masked, cut_changes, metadata, problem, timeless, to_last_answer, traits
from engine.exporting.groups import Pair, best, is_good, pair
from engine.exporting.messages import MessageForm
from engine.exporting.record import changed
from engine.exporting.reshape import with_safe_names
from engine.types import Converted, Options, Record, RecordTool

__all__ = ["Preference"]

_OPENAI = MessageForm("string", "drop", empty=None, names=False)


class Config(Options):
    """How a preference is written."""

    form: Literal["kto", "pair", "openai", "ms_swift", "ranks"] = "kto"
    """Completion with a label (TRL's KTO), chosen and rejected (TRL's DPO), one message each (OpenAI's DPO), messages
    and rejected messages (ms-swift), or completions with ranks (NeMo-RL)."""
    arguments: Literal["object", "string"] = "object"
    """Arguments of calls as objects (chat templates), or as JSON strings."""
    reasoning: Literal["field", "think", "drop"] = "field"
    """In a field of its own, in think tags inside the content (ms-swift), or dropped."""


class Preference:
    """Writes preferences. In the forms of pairs a trajectory without a partner is dropped with the reason."""

    suffix = ".jsonl"
    never_carried = ("task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._form_name = config.form
        self.grouped = config.form != "kto"
        flags = ("loss",) if config.form == "ms_swift" else ()
        self._form = _OPENAI if config.form == "openai" else MessageForm(config.arguments, config.reasoning, flags)

    def convert(self, record: Record) -> Converted:
        """Return the row of one attempt by itself, or the reason why there is none."""
        return self.convert_group([record])[0] if self.grouped else self._labelled(record)

    def convert_group(self, records: Sequence[Record]) -> list[Converted]:
        """Return what each attempt at one task gives: the worse ones their pair with the best, the best one no row."""
        found = best(records)
        if found is None:
            return [Converted(dropped="no_good_attempt") for _ in records]
        made = [self._against(found, one) for one in records]
        if any(one.rows for one in made):
            made[[one is found for one in records].index(True)] = Converted()
        return made

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    # ---------------------------------------------------------------- pairs

    def _against(self, better: Record, worse: Record) -> Converted:
        """Return the pair of an attempt with the best one."""
        if better is worse or is_good(worse):
            return Converted(dropped="no_worse_attempt" if better is worse else "not_the_best")
        if is_good(worse) is None:
            return Converted(dropped="not_the_assistants_fault")
        found = pair(better, worse)
        if isinstance(found, str):
            return Converted(dropped=found)
        names = cut_changes(better.turns, found.better)
        if self._form_name == "openai":
            short = Pair(found.better[: found.start + 1], found.worse[: found.start + 1], found.start)
            if (len(short.better), len(short.worse)) != (len(found.better), len(found.worse)):
                names.append("cut_to_one_message")
            found = short
        id = _pair_id(found, better.tools, worse.tools)
        lost = self._lost(better, worse, found)
        row = getattr(self, f"_{self._form_name}")(found, better, names)
        if self._form_name != "openai":
            row |= {"id": f"{id:016x}", "group_id": better.group_id}
        if self._form_name == "pair":
            scores = better.reward, worse.reward
            row |= {"chosen_score": scores[0], "rejected_score": scores[1], "metadata": metadata(worse)}
            row["margin"] = None if None in scores else (scores[0] or 0.0) - (scores[1] or 0.0)
        return Converted([row], [id], None, lost, names)

    def _lost(self, better: Record, worse: Record, found: Pair) -> list[str]:
        lost = set(self._form.lost(found.better, traits(found.better)))
        lost |= set(self._form.lost(found.worse[found.start :], traits(found.worse[found.start :])))
        if timeless(better.attachments) or timeless(worse.attachments):
            lost.add("attachments")
        if self._form_name == "ranks" and better.tools:
            lost.add("tools")
        if self._form_name != "pair":
            lost |= {"reward", "metadata"}
        if self._form_name == "openai":
            lost |= {"id", "group_id"}
        return sorted(lost)

    def _pair(self, found: Pair, better: Record, names: list[str]) -> dict[str, Any]:
        prompt, chosen, rejected = self._sides(found)
        tools = offered_tools(better.tools).text
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected, "tools": tools}

    def _ranks(self, found: Pair, better: Record, names: list[str]) -> dict[str, Any]:
        prompt, *sides = self._sides(found)
        return {"context": prompt, "completions": [{"rank": n, "completion": side} for n, side in enumerate(sides)]}

    def _ms_swift(self, found: Pair, better: Record, names: list[str]) -> dict[str, Any]:
        """Both sides whole; what they share is marked as not trained."""
        prompt = [changed(turn, train=False) for turn in found.better[: found.start]]
        worse = [changed(turn, train=True) for turn in found.worse[found.start :]]
        return {
            "messages": self._form.messages([*prompt, *found.better[found.start :]]),
            "rejected_messages": self._form.messages([*prompt, *worse]),
            "tools": offered_tools(better.tools).text,
        }

    def _openai(self, found: Pair, better: Record, names: list[str]) -> dict[str, Any]:
        start = found.start
        turns, tools, renamed = with_safe_names([*found.better, found.worse[start]], better.tools)
        if renamed:
            names.append("tools_renamed")
        messages = self._form.messages(turns)
        asked: dict[str, Any] = {"messages": messages[:start]}
        if tools:
            parallel = any(len(turn.tool_calls) > 1 for turn in turns)
            asked |= {"tools": tool_schemas(tools), "parallel_tool_calls": parallel}
        preferred, other = messages[start:]
        return {"input": asked, "preferred_output": [preferred], "non_preferred_output": [other]}

    def _sides(self, found: Pair) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
        better, worse = self._form.messages(found.better), self._form.messages(found.worse)
        return better[: found.start], better[found.start :], worse[found.start :]

    # ---------------------------------------------------------------- labels

    def _labelled(self, record: Record) -> Converted:
        """Return a completion with its label; a good one ends before its first masked answer."""
        good = is_good(record)
        if good is None:
            return Converted(dropped="not_the_assistants_fault")
        turns = to_last_answer(before_masked(record.turns) if good else record.turns)
        start = next((n for n, turn in enumerate(turns) if turn.role == "assistant"), 0)
        if not start:
            return Converted(dropped="no_opening_request" if turns else "nothing_to_train")
        reason = problem(turns)
        if reason is not None:
            return Converted(dropped=reason)
        messages, tools, found = self._form.messages(turns), offered_tools(record.tools), traits(turns)
        id = content_id_of(turns, tools)
        row = {
            "prompt": messages[:start],
            "completion": messages[start:],
            "label": good,
            "tools": tools.text,
            "id": id,
            "group_id": record.group_id,
            "reward": record.reward,
            "metadata": metadata(record),
        }
        lost = self._form.lost(turns, found) + (["attachments"] if timeless(record.attachments) else [])
        return Converted([row], [int(id, 16)], None, lost, cut_changes(record.turns, turns))


def _pair_id(found: Pair, *tools: Sequence[RecordTool]) -> int:
    ids = [
        content_id_of(turns, offered_tools(of)) for turns, of in zip((found.better, found.worse), tools, strict=True)
    ]
    return int(hashlib.sha256("".join([*ids, str(found.start)]).encode()).hexdigest()[:16], 16)
