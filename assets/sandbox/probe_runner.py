"""Runs the probes of a hidden test beside the code that they look at, and sends what they return to the engine.

Runs inside the sandbox, standard library only, as `python3 -I -B -c`. Standard input holds one JSON object: `source`
(a module whose functions `probe_...` take no argument), its `name`, and `mark`. The last line of the output is the mark
and a JSON object {probe: value}. The values that are expected never come here: the code that is looked at may read and
print what it likes, and passes only by giving the right values. A probe that raises gives {"$raised": "ValueError"}.
"""

import base64
import datetime
import decimal
import fractions
import json
import os
import sys


def plain(value):
    """Return a value as JSON. What JSON has no form for becomes an object with one key that begins with `$`. Subclasses
    are no plain values, since they may equal everything."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [plain(part) for part in value]
    if kind is tuple:
        return {"$tuple": [plain(part) for part in value]}
    if kind is dict:
        return {"$dict": _sorted([plain(name), plain(part)] for name, part in value.items())}
    if kind in (set, frozenset):
        return {"$set": _sorted(plain(part) for part in value)}
    if kind is decimal.Decimal:
        return {"$decimal": str(value.normalize() + 0)}
    if kind is fractions.Fraction:
        return {"$fraction": str(value)}
    if kind in (datetime.date, datetime.datetime, datetime.time):
        return {f"${kind.__name__}": value.isoformat()}
    if kind is bytes:
        return {"$bytes": base64.b64encode(value).decode()}
    return {f"${kind.__name__}": repr(value)}


def _sorted(parts):
    return sorted(parts, key=json.dumps)


def result(probe):
    """Return what a probe returns or raises, as JSON."""
    try:
        return plain(probe())
    except Exception as error:
        return {"$raised": type(error).__name__}


def main():
    given = json.loads(sys.stdin.buffer.read())
    out = os.dup(1)
    os.dup2(2, 1)  # what the code prints is no result
    sys.path.insert(0, os.getcwd())
    module = {"__name__": "probes"}
    exec(compile(given["source"], given["name"], "exec"), module)
    found = {name: result(probe) for name, probe in list(module.items()) if name.startswith("probe_")}
    line = memoryview(f"\n{given['mark']}{json.dumps(found)}\n".encode())
    while line:
        line = line[os.write(out, line) :]


main()
