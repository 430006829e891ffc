"""Short-lived signed links to finished exports. app.py serves them."""

from __future__ import annotations

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from engine import settings
from engine.errors import InputError

LIFETIME = 15 * 60
"""Seconds for which a link works after its page was drawn."""


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.read().secret(), salt="export")


def export_url(export_id: int) -> str:
    """Return the address that downloads one export; it works for LIFETIME seconds."""
    return f"/api/exports/{export_id}?token={_signer().dumps(export_id)}"


def check_token(export_id: int, token: str) -> None:
    """Accept a token that `export_url` made for this export. Raises InputError with the next move."""
    try:
        signed_for = _signer().loads(token, max_age=LIFETIME)
    except SignatureExpired as error:
        raise InputError("link", "it has expired.", "Reload the exports page and download again.") from error
    except BadData as error:
        raise InputError("link", "it is not one of ours.", "Open the exports page and download from there.") from error
    if signed_for != export_id:
        raise InputError("link", "it belongs to another export.", "Open the exports page and download from there.")
