"""Plays the tasks of this package in a process of its own, for the framework beside this file. Standard library only.

    runtime = Runtime()
    opened = runtime.request("open", task=runtime.tasks[0]["id"])
    answer = runtime.request("reply", episode=opened["episode"], reply={"content": "...", "tool_calls": [...]})

The process runs the code in `code/`, which is the product's own, so what frameworks install cannot change it. The
operations and messages are described in code/engine/environments/serve.py.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Unmeasured(RuntimeError):
    """An episode that shows nothing of the model: a sandbox broke, or the reference does not hold. It has no reward."""


class Refused(ValueError):
    """A request that cannot be served; the message says why."""


class Runtime:
    """A running process. May be used from several threads; close it, or use it in a `with`."""

    def __init__(self, *, allow_commands=False, python=sys.executable, code=HERE / "code", contents=HERE):
        """`allow_commands` lets tools run commands that a model wrote, on this machine: only in a container."""
        start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from engine.environments.serve import main; main()"
        command = [python, "-c", start, str(code), str(contents)]
        self._process = subprocess.Popen(
            [*command, "--allow-commands"] if allow_commands else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._numbers = itertools.count(1)
        self._waiting = {}
        self._lock = threading.Lock()
        self._gone = False
        threading.Thread(target=self._read, daemon=True).start()
        self._tasks = None

    @property
    def tasks(self):
        """The tasks: [{"id", "modes", "requests", "difficulty", "policy", "tools"}], tools in OpenAI's format."""
        if self._tasks is None:
            self._tasks = self.request("tasks")["tasks"]
        return self._tasks

    def submit(self, op, **fields):
        """Send a request and return the Future of its answer."""
        found = Future()
        with self._lock:
            if self._gone:
                raise Unmeasured("The process of the environment has ended.")
            number = next(self._numbers)
            self._waiting[number] = found
            self._process.stdin.write(json.dumps({"id": number, "op": op, **fields}).encode() + b"\n")
            self._process.stdin.flush()
        return found

    def request(self, op, **fields):
        """Return the answer to a request. Raises Refused, Unmeasured."""
        return self.submit(op, **fields).result()

    async def ask(self, op, **fields):
        """Return the answer to a request without blocking the event loop. Raises Refused, Unmeasured."""
        return await asyncio.wrap_future(self.submit(op, **fields))

    def _read(self):
        for line in self._process.stdout:
            answer = json.loads(line)
            found = self._waiting.pop(answer["id"], None)
            if found is None:
                continue
            if "ok" in answer:
                found.set_result(answer["ok"])
            else:
                kind = Unmeasured if answer["error"]["kind"] == "unmeasured" else Refused
                found.set_exception(kind(answer["error"]["message"]))
        with self._lock:
            self._gone = True
            waiting, self._waiting = self._waiting, {}
        for found in waiting.values():
            found.set_exception(Unmeasured("The process of the environment has ended."))

    def close(self):
        """End the process and all its sandboxes."""
        if not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
