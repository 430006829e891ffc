"""What a test cannot do without: where it is missing the test is left out loudly, and in CI that is a failure."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test with this sentence; in CI fail it."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
