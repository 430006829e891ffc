"""The @TITLE@ domain as an OpenEnv environment."""

from .client import TurnwrightEnv
from .models import TurnwrightAction, TurnwrightObservation

__all__ = ["TurnwrightAction", "TurnwrightEnv", "TurnwrightObservation"]
