"""Tools of the rental shop."""

import json


def _load():
    with open("shop.json", encoding="utf-8") as file:
        return json.load(file)


def _save(data):
    with open("shop.json", "w", encoding="utf-8") as file:
        json.dump(data, file, indent=2)


def verify_member(name: str, number: str) -> dict:
    """Check that a member is who they say.

    Args:
        name: Full name.
        number: Member number such as M7.

    Effect: read
    """
    found = _load()["members"].get(number)
    if found is None or found["name"] != name:
        raise PermissionError("No member has this name and number.")
    return {"number": number, "has": found["has"]}


def price_of(item: str) -> dict:
    """Return the price of a tool per day.

    Args:
        item: Id of a tool.

    Effect: read
    """
    items = _load()["items"]
    if item not in items:
        raise LookupError(f"There is no tool {item}.")
    return {"item": item, "price": items[item]["price"], "free": items[item]["free"]}


def rent(number: str, item: str) -> dict:
    """Rent a tool to a member.

    Args:
        number: Member number.
        item: Id of a tool.

    Effect: write
    """
    data = _load()
    if not data["items"][item]["free"]:
        raise ValueError(f"{item} is rented out.")
    data["items"][item]["free"] = False
    data["members"][number]["has"].append(item)
    _save(data)
    return {"item": item, "price": data["items"][item]["price"]}


def bring_back(number: str, item: str) -> dict:
    """Take a tool back from a member.

    Args:
        number: Member number.
        item: Id of a tool.

    Effect: write
    """
    data = _load()
    if item not in data["members"][number]["has"]:
        raise ValueError(f"{number} does not have {item}.")
    data["members"][number]["has"].remove(item)
    data["items"][item]["free"] = True
    _save(data)
    return {"item": item, "left": len(data["members"][number]["has"])}
