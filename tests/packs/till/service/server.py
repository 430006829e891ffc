import json
import sys

drawer = {"cash": 20, "sold": []}


def price_of(item):
    with open("shop.json") as file:
        prices = {row["item"]: row["price"] for row in json.load(file)["prices"]}
    if item not in prices:
        raise ValueError(f"there is no {item}")
    return prices[item]


def sell(item, pieces):
    paid = price_of(item) * pieces
    drawer["cash"] += paid
    drawer["sold"].append({"item": item, "pieces": pieces})
    return {"paid": paid}


METHODS = {"price_of": lambda item: {"price": price_of(item)}, "sell": sell, "state": lambda: {"drawer": drawer}}

for line in sys.stdin:
    request = json.loads(line)
    answer = {"jsonrpc": "2.0", "id": request["id"]}
    try:
        answer["result"] = METHODS[request["method"]](**request["params"])
    except ValueError as error:
        answer["error"] = {"code": -32000, "message": str(error)}
    print(json.dumps(answer), flush=True)
