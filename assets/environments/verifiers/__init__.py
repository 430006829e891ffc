"""The @TITLE@ domain as a taskset of verifiers: `--env.taskset.id @NAME@`."""

from .environment import TurnwrightEnv
from .taskset import TurnwrightTaskset

__all__ = ["TurnwrightEnv", "TurnwrightTaskset"]
