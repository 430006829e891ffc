"""Short-lived signed links to finished exports and packages. app.py serves them."""

from __future__ import annotations

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from engine import settings
from engine.errors import InputError

LIFETIME = 15 * 60
"""Seconds for which a link works after its page was drawn."""


def _signer(kind: str = "export") -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.read().secret(), salt=kind)


def export_url(export_id: int) -> str:
    """Return the address that downloads one export; it works for LIFETIME seconds."""
    return f"/api/exports/{export_id}?token={_signer().dumps(export_id)}"


def environment_url(request_id: int) -> str:
    """Return the address that downloads the package of an answered request; it works for LIFETIME seconds."""
    return f"/api/environments/{request_id}?token={_signer('environment').dumps(request_id)}"


def check_token(export_id: int, token: str, kind: str = "export") -> None:
    """Accept a token that was made for this export, or for this request of kind "environment". Raises InputError with
    the next move."""
    try:
        signed_for = _signer(kind).loads(token, max_age=LIFETIME)
    except SignatureExpired as error:
        raise InputError("link", "it has expired.", "Reload the exports page and download again.") from error
    except BadData as error:
        raise InputError("link", "it is not one of ours.", "Open the exports page and download from there.") from error
    if signed_for != export_id:
        raise InputError("link", "it belongs to another export.", "Open the exports page and download from there.")
