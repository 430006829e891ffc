"""Domain packs for tests: where they lie, and the files of the smallest one."""

from __future__ import annotations

from pathlib import Path

from engine.domains import pack_files

PACKS = Path(__file__).resolve().parent.parent / "packs"
LEDGER = PACKS / "ledger"
"""The smallest pack: accounts with a balance, and transfers between them."""


def ledger_files(policy: bytes | None = None) -> dict[str, bytes]:
    """Return the files of the ledger pack by path; `policy` replaces its policy, which makes another version."""
    files = pack_files.read_folder(LEDGER)
    if policy is not None:
        files["policy.md"] = policy
    return files
