"""The only reader of the environment, beside private_environment.py, which keeps others from reading it.

TURNWRIGHT_HOME      folder for the database, exports and logs (default: .turnwright beside app.py)
DATABASE_URL         SQLAlchemy address; default SQLite inside the home folder
TURNWRIGHT_SANDBOX   docker | bubblewrap | local | auto (default auto: docker when an engine answers, else bubblewrap
                     where it works, else local)
TURNWRIGHT_IMAGE     name of the sandbox image (default turnwright-sandbox:1)
TURNWRIGHT_SANDBOX_OPTIONS
                     options of sandboxes as JSON, such as {"docker": {"most": 32}}; they override those of the
                     studio's settings
TURNWRIGHT_ENGINE    on | off: whether the studio starts an engine beside itself (default on)
TURNWRIGHT_BUILD     on | off: whether the studio builds a missing sandbox image beside itself (default off; `make run`
                     turns it on)
TURNWRIGHT_SECRET    key that signs download links (default: made once and kept in the home folder)
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.private_environment import harmless

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "assets" / "catalog"
PERSONAS = ROOT / "assets" / "personas"
SHARED_TOOLS = ROOT / "assets" / "tools"
SANDBOX_ASSETS = ROOT / "assets" / "sandbox"


@dataclass(frozen=True)
class Settings:
    """The settings of this process, from `read()`."""

    home: Path
    database_url: str
    sandbox: str
    image: str
    sandbox_options: Mapping[str, Mapping[str, Any]]
    start_engine: bool
    build_image: bool = False

    @property
    def exports(self) -> Path:
        return self.home / "exports"

    @property
    def environments(self) -> Path:
        """Where packages for other programs lie until they are downloaded."""
        return self.home / "environments"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def secret(self) -> str:
        """Return the key that signs download links; made on first use, in a file that only its owner can read."""
        given = os.environ.get("TURNWRIGHT_SECRET")
        if given:
            return given
        path = self.home / "secret"
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(value := secrets.token_hex(32))
        return value


def read() -> Settings:
    """Return the settings that the environment holds now. Raises InputError for malformed sandbox options."""
    home = Path(os.environ.get("TURNWRIGHT_HOME") or ROOT / ".turnwright").expanduser().resolve()
    return Settings(
        home=home,
        database_url=os.environ.get("DATABASE_URL") or f"sqlite:///{home / 'turnwright.db'}",
        sandbox=os.environ.get("TURNWRIGHT_SANDBOX") or "auto",
        image=os.environ.get("TURNWRIGHT_IMAGE") or "turnwright-sandbox:1",
        sandbox_options=_options(os.environ.get("TURNWRIGHT_SANDBOX_OPTIONS") or "{}"),
        start_engine=(os.environ.get("TURNWRIGHT_ENGINE") or "on") != "off",
        build_image=os.environ.get("TURNWRIGHT_BUILD") == "on",
    )


def _options(text: str) -> Mapping[str, Mapping[str, Any]]:
    """Return {sandbox: {option: value}} from JSON. Raises InputError when it is no object of objects."""
    with suppress(ValueError):
        value = json.loads(text)
        if isinstance(value, dict) and all(isinstance(one, dict) for one in value.values()):
            return value
    move = 'Write JSON such as {"docker": {"most": 32}}.'
    raise InputError("TURNWRIGHT_SANDBOX_OPTIONS", "names no options by sandbox.", move)


def key(variable: str | None) -> str | None:
    """Return the value of the environment variable that holds a model key, or None when it is not set."""
    return os.environ.get(variable) or None if variable else None


def set_default(name: str, value: str) -> None:
    """Set an environment variable that a library reads at import, unless the user has set it."""
    os.environ.setdefault(name, value)


def child_environment(**changes: str) -> dict[str, str]:
    """Return the environment of a child process that needs no key: the harmless part of this one's, the proxies that it
    goes through, and `changes`."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return {**harmless(), **proxies, **changes}
