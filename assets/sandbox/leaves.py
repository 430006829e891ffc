"""The places at which two values differ, as engine.types.Leaf has them.

Runs inside the sandbox, standard library only. The number of leaves and the size of their values are bounded.
"""

import json

import json_values

ABSENT = object()
"""The value of what does not exist. It equals nothing else."""
MOST_LEAVES = 500
MOST_VALUE = 4096
"""Characters of a text in a leaf; four times as many of an object or list as JSON."""


class Leaves:
    """Collects leaves as dictionaries, up to the bound. A side that is None does not exist, unless `nulls` names it:
    then it holds a null. `cut` is True when something was left out or shortened."""

    def __init__(self):
        self.found = []
        self.cut = False

    def add(self, pointer, before, after):
        if len(self.found) >= MOST_LEAVES:
            self.cut = True
            return
        leaf = {"pointer": pointer, "before": self._short(before), "after": self._short(after)}
        nulls = [side for side, value in (("before", before), ("after", after)) if value is None]
        self.found.append({**leaf, "nulls": nulls} if nulls else leaf)

    def _short(self, value):
        """Return a value as a leaf holds it: within MOST_VALUE, and without a Number."""
        if value is ABSENT:
            return None
        if isinstance(value, json_values.Number):  # the engine's JSON readers would change it, so only digests compare
            self.cut = True
            value = value.text
        if isinstance(value, str) and len(value) > MOST_VALUE:
            self.cut = True
            return value[:MOST_VALUE] + "\u2026"
        if isinstance(value, dict):
            value = {key: self._short(inner) for key, inner in value.items()}
        if isinstance(value, list) and json_values.holds_number(value):
            value = [self._short(inner) for inner in value]
        if isinstance(value, (dict, list)) and len(text := json.dumps(value, ensure_ascii=False)) > 4 * MOST_VALUE:
            self.cut = True
            return text[:MOST_VALUE] + "\u2026"
        return value

    def fields(self):
        """Return the fields of a change that hold the leaves."""
        return {"leaves": self.found, "truncated": self.cut}


def compare(old, new, pointer, leaves):
    """Add to `leaves` a leaf for every scalar (or empty container) that differs between two JSON values."""
    if leaves.cut or json_values.equal(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{pointer}/{_escaped(key)}"
            compare(old.get(key, ABSENT), new.get(key, ABSENT), inner, leaves)
    elif isinstance(old, list) and isinstance(new, list):
        _compare_lists(old, new, pointer, leaves)
    elif new is ABSENT and old and isinstance(old, (dict, list)):
        compare(old, type(old)(), pointer, leaves)
    elif old is ABSENT and new and isinstance(new, (dict, list)):
        compare(type(new)(), new, pointer, leaves)
    else:
        leaves.add(pointer, old, new)


def _compare_lists(old, new, pointer, leaves):
    """Compare the entries by position, after those that are equal at the beginning and at the end are set aside."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and json_values.equal(old[head], new[head]):
        head += 1
    tail = 0
    while tail < shorter - head and json_values.equal(old[-1 - tail], new[-1 - tail]):
        tail += 1
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    for index in range(max(len(left), len(right))):
        before = left[index] if index < len(left) else ABSENT
        after = right[index] if index < len(right) else ABSENT
        compare(before, after, f"{pointer}/{head + index}", leaves)


def _escaped(key):
    return key.replace("~", "~0").replace("/", "~1")
