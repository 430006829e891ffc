"""Preferences: a better and a worse attempt at one task (DPO, ranks), or attempts with a label (KTO).

The sides of a pair branch at the first call in which they differ. Better is what was kept, the highest reward first;
worse is what the judges rejected and the assistant is to blame for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from engine.exporting.content import content_id_of, offered_tools, tool_schemas
from engine.exporting.dialogue import (
    Turns,
    before_masked,
    cut_changes,
    in_call_order,
    metadata,
    problem,
    timeless,
    to_last_answer,
    traits,
)
from engine.exporting.groups import Pair, best, is_good, pair
from engine.exporting.messages import MessageForm
from engine.exporting.record import changed
from engine.exporting.reshape import with_safe_names
from engine.exporting.sharegpt import COLUMNS, TAGS, ShareGpt, dataset_info, refusal
from engine.types import Converted, Options, Record, RecordTool

__all__ = ["Preference"]

_OPENAI = MessageForm("string", "drop", empty=None, names=False)
_ONE_MESSAGE = ("openai", "ranking")
"""Forms in which a side is one message."""
_SHAREGPT = ("ranking", "kto_tag")
"""Forms of LLaMA-Factory, with the columns that they have beside its usual ones."""
_SHAREGPT_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "ranking": {"chosen": "chosen", "rejected": "rejected"},
    "kto_tag": {"kto_tag": "label"},
}


class Config(Options):
    """How a preference is written."""

    form: Literal["kto", "pair", "openai", "ms_swift", "ranks", "ranking", "kto_tag"] = "kto"
    """Completion with a label (TRL's KTO), chosen and rejected (TRL's DPO), one message each (OpenAI's DPO), messages
    and rejected messages (ms-swift), completions with ranks (NeMo-RL), or LLaMA-Factory's ranking and KTO."""
    arguments: Literal["object", "string"] = "object"
    """Arguments of calls as objects (chat templates), or as JSON strings."""
    reasoning: Literal["field", "think", "drop"] = "field"
    """In a field of its own, in think tags inside the content (ms-swift, LLaMA-Factory), or dropped."""


class Preference:
    """Writes preferences. In the forms of pairs a trajectory without a partner is dropped with the reason."""

    suffix = ".jsonl"
    never_carried = ("task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._form_name = config.form
        self.grouped = config.form not in ("kto", "kto_tag")
        flags = ("loss",) if config.form == "ms_swift" else ()
        self._form = _OPENAI if config.form == "openai" else MessageForm(config.arguments, config.reasoning, flags)
        self._sharegpt = ShareGpt("think" if config.reasoning == "think" else "drop")

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
        """Return dataset_info.json for LLaMA-Factory, else no extra files."""
        if self._form_name not in _SHAREGPT:
            return {}
        columns = {**COLUMNS, **_SHAREGPT_COLUMNS[self._form_name]}
        ranking = {"ranking": True} if self._form_name == "ranking" else {}
        return dataset_info(splits, {"formatting": "sharegpt", **ranking, "columns": columns, "tags": TAGS})

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
        if self._form_name in _ONE_MESSAGE:
            short = Pair(found.better[: found.start + 1], found.worse[: found.start + 1], found.start)
            if (len(short.better), len(short.worse)) != (len(found.better), len(found.worse)):
                names.append("cut_to_one_message")
            found = short
        if self._form_name == "ranking" and (reason := _sharegpt_refusal(found)) is not None:
            return Converted(dropped=reason)
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
        form = self._sharegpt if self._form_name == "ranking" else self._form
        lost = set(form.lost(found.better, traits(found.better)))
        lost |= set(form.lost(found.worse[found.start :], traits(found.worse[found.start :])))
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

    def _ranking(self, found: Pair, better: Record, names: list[str]) -> dict[str, Any]:
        """A dialogue that the user or a tool ends, and one message of each side."""
        prompt = in_call_order(found.better[: found.start])
        names += self._sharegpt.changed([*prompt, found.better[found.start]], traits(prompt))
        return {
            **self._sharegpt_columns(prompt, better),
            "chosen": self._sharegpt.answer(found.better[found.start]),
            "rejected": self._sharegpt.answer(found.worse[found.start]),
        }

    def _sharegpt_columns(self, turns: Turns, record: Record) -> dict[str, Any]:
        has_system = turns[0].role == "system"
        return {
            "conversations": self._sharegpt.conversations(turns[1:] if has_system else turns),
            "system": turns[0].content if has_system else "",
            "tools": offered_tools(record.tools).text if record.tools else "",
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
        tools, found = offered_tools(record.tools), traits(turns)
        id = content_id_of(turns, tools)
        lost = ["attachments"] if timeless(record.attachments) else []
        names = cut_changes(record.turns, turns)
        if self._form_name == "kto_tag":
            turns = in_call_order(turns)
            reason = refusal(turns, turns[1:] if turns[0].role == "system" else turns, found)
            if reason is not None:
                return Converted(dropped=reason)
            said = self._sharegpt_columns(turns, record) | {"label": good}
            if not said["conversations"][-1]["value"]:  # an empty text is LLaMA-Factory's mark for the other label
                return Converted(dropped="empty_answer")
            lost += self._sharegpt.lost(turns, found)
            names += self._sharegpt.changed(turns, found)
        else:
            messages = self._form.messages(turns)
            said = {"prompt": messages[:start], "completion": messages[start:], "label": good, "tools": tools.text}
            lost += self._form.lost(turns, found)
        about = {"id": id, "group_id": record.group_id, "reward": record.reward, "metadata": metadata(record)}
        return Converted([said | about], [int(id, 16)], None, lost, names)


def _sharegpt_refusal(found: Pair) -> str | None:
    """Return why a pair of one message each has no form in LLaMA-Factory, or None."""
    turns = found.better
    return refusal(turns, turns[1:] if turns[0].role == "system" else turns, traits(turns))


def _pair_id(found: Pair, *tools: Sequence[RecordTool]) -> int:
    ids = [
        content_id_of(turns, offered_tools(of)) for turns, of in zip((found.better, found.worse), tools, strict=True)
    ]
    return int(hashlib.sha256("".join([*ids, str(found.start)]).encode()).hexdigest()[:16], 16)
