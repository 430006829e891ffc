"""Multiple tools offered.

What every request of a dialogue is that has no other mode.
"""

from __future__ import annotations

from engine.modes._plain import PlainMode
from engine.types import Options

__all__ = ["MultipleMode"]


class Config(Options):
    """There is nothing to set."""


class MultipleMode(PlainMode):
    help = "Needed tools are offered together with others of the domain."
