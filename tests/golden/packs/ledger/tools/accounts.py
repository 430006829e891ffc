"""Tools of the ledger."""

import _store


def find_accounts(owner: str) -> list:
    """List the accounts of one owner.

    Args:
        owner: First name of the owner.

    Effect: read
    """
    accounts = _store.load()["accounts"]
    found = [{"account_id": key, **entry} for key, entry in accounts.items() if entry["owner"] == owner]
    if not found:
        raise LookupError(f"Nobody called {owner} has an account.")
    return found


def get_balance(account_id: str) -> dict:
    """Return the balance of one account.

    Args:
        account_id: Id such as A-1.

    Effect: read
    """
    entry = _store.account(_store.load(), account_id)
    return {"account_id": account_id, "balance": entry["balance"]}


def transfer(source: str, target: str, amount: float) -> dict:
    """Move money between two accounts.

    Args:
        source: Account to take from.
        target: Account to give to.
        amount: Amount, above 0 and at most 500.

    Effect: write
    """
    data = _store.load()
    giver, taker = _store.account(data, source), _store.account(data, target)
    if not 0 < amount <= 500:
        raise ValueError("The amount must be above 0 and at most 500.")
    if giver["balance"] < amount:
        raise ValueError(f"{source} holds only {giver['balance']}.")
    giver["balance"] = round(giver["balance"] - amount, 2)
    taker["balance"] = round(taker["balance"] + amount, 2)
    _store.save(data)
    return {"source_balance": giver["balance"], "target_balance": taker["balance"]}


def set_note(account_id: str, note: str) -> dict:
    """Write a note on an account.

    Args:
        account_id: Id such as A-1.
        note: The text.

    Effect: write
    """
    data = _store.load()
    _store.account(data, account_id)["note"] = note
    _store.save(data)
    return {"account_id": account_id, "note": note}
