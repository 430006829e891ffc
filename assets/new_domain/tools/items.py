"""Tools of the to-do list. Every public function here is a tool; names that start with _ are private."""

import json
from typing import Literal


def list_items(owner: str, status: Literal["open", "doing", "done"] | None = None) -> list:
    """List the items of one person, newest last.

    Args:
        owner: First name of the person.
        status: Only items with this status. Leave it out for all of them.

    Effect: read
    """
    items = [item for item in _load()["items"] if item["owner"].lower() == owner.lower()]
    if not items:
        raise LookupError(f"{owner} has no items.")
    return [item for item in items if status is None or item["status"] == status]


def get_item(item_id: str) -> dict:
    """Return one item with its title, owner and status.

    Args:
        item_id: Id such as T-3.

    Effect: read
    """
    return _find(_load(), item_id)


def set_status(item_id: str, status: Literal["open", "doing", "done"]) -> dict:
    """Change the status of one item and return the item.

    Args:
        item_id: Id such as T-3.
        status: The new status.

    Effect: write
    """
    data = _load()
    item = _find(data, item_id)
    if item["status"] == "done":
        raise ValueError(f"{item_id} is done and stays done.")
    item["status"] = status
    with open("todo.json", "w", encoding="utf-8") as file:
        json.dump(data, file, indent=2, ensure_ascii=False)
    return item


def _load():
    with open("todo.json", encoding="utf-8") as file:
        return json.load(file)


def _find(data, item_id):
    for item in data["items"]:
        if item["item_id"] == item_id:
            return item
    raise LookupError(f"There is no item {item_id}.")
