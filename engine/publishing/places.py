"""Addresses of published data sets: a repository of the hub, or a folder in a store that fsspec reaches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine import settings
from engine.errors import InputError

HUB_TOKEN = "HF_TOKEN"
"""The environment variable that holds the token for the hub, unless another one is named."""
_HUB = re.compile(r"hf:(?://datasets/)?(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?/?", re.ASCII)
_STORE = re.compile(r"[a-z][a-z0-9+.-]*://.+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class HubPlace:
    """A data-set repository, USER/NAME; `revision` is a branch, tag or commit, None for the main branch."""

    repo: str
    revision: str | None = None


@dataclass(frozen=True)
class StorePlace:
    """A folder in a store, such as s3://BUCKET/FOLDER, without a slash at its end."""

    url: str

    @property
    def shown(self) -> str:
        """The address without what may be a secret: user, password and query."""
        scheme, _, rest = self.url.partition("://")
        host, slash, path = rest.partition("?")[0].partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def place_of(address: str) -> HubPlace | StorePlace:
    """Return the place that an address names. Raises InputError for anything else."""
    if (hub := _HUB.fullmatch(address)) is not None:
        return HubPlace(hub["repo"], hub["revision"])
    if _STORE.fullmatch(address) and not address.startswith("hf:"):
        return StorePlace(address.rstrip("/"))
    move = "Write hf:USER/NAME (or hf:USER/NAME@BRANCH), or an address such as s3://BUCKET/FOLDER or file:///FOLDER."
    raise InputError(address, "is no address of a data set.", move)


def token_in(variable: str) -> str | None:
    """Return the token in an environment variable; None where HUB_TOKEN is not set, as huggingface_hub then uses its
    own login, if there is one. Raises InputError when another variable is not set, and when the text is no name of one;
    it is not repeated then, since it may be the token itself."""
    if not _VARIABLE.fullmatch(variable) or variable.startswith("hf_"):
        move = f"Put the token into an environment variable such as {HUB_TOKEN}, and name that."
        raise InputError("token variable", "is no name of an environment variable.", move)
    token = settings.key(variable)
    if token is None and variable != HUB_TOKEN:
        raise InputError(variable, "is not set.", "Set it to a token for the hub, where the engine runs.")
    return token
