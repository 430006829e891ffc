"""Loads and saves the accounts."""

import json


def load():
    with open("accounts.json", encoding="utf-8") as file:
        return json.load(file)


def save(data):
    with open("accounts.json", "w", encoding="utf-8") as file:
        json.dump(data, file, indent=2, ensure_ascii=False)


def account(data, account_id):
    if account_id not in data["accounts"]:
        raise LookupError(f"There is no account {account_id}.")
    return data["accounts"][account_id]
