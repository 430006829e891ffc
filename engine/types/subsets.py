"""What can be said of a dialogue and of its answers by counting: labels of turns, and subsets of trajectories."""

from __future__ import annotations

from typing import Literal, get_args

TurnLabel = Literal["modification", "lookup", "no_call"]
"""What an answer does: it calls a tool that writes, it only calls others, or it calls none."""
Subset = Literal[
    "single_turn",
    "multi_turn",
    "tool_use",
    "no_tool_use",
    "parallel_calls",
    "multi_step",
    "modification",
    "lookup_only",
    "error_recovery",
    "clarification",
    "reasoning",
    "mcp",
    "user_tools",
    "distractors",
]
"""A group that a trajectory belongs to; engine/dialogue/subsets.py says when."""
SUBSETS: tuple[Subset, ...] = get_args(Subset)
"""All of them. A stored trajectory has one bit for each, in this order: add new ones at the end, and move none."""
