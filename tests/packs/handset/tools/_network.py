"""The network and the phone, as one file."""

import json


def load():
    with open("network.json") as file:
        return json.load(file)


def store(state):
    with open("network.json", "w") as file:
        json.dump(state, file)


def line(state, number):
    if number not in state["lines"]:
        raise LookupError(f"There is no line {number}.")
    return state["lines"][number]
