"""The process that runs a pack's tool functions, forked anew for every rollout.

Runs inside the sandbox, standard library only. Reads one JSON request a line from its channel and answers with one
line, which the tool server checks (answers.py).
"""

import errno
import gc
import json
import os
import resource
import sys
import time
import types

from lines import PART, as_line, encode

REFUSALS = (ValueError, LookupError, PermissionError, FileNotFoundError)
"""Exceptions by which a tool refuses a call; any other is a crash."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EAGAIN)


class Modules:
    """The compiled tool modules of a pack. `codes` holds code by module, `tools` the module of each tool, `broken` the
    errors of modules that do not compile, `imports` the modules that the pack imports."""

    def __init__(self, sources):
        import ast

        self.codes = {}
        self.tools = {}
        self.broken = {}
        self.imports = set()
        for file in sorted(sources):
            stem = file[:-3]
            try:
                tree = ast.parse(sources[file], f"tools/{file}")
                self.codes[stem] = compile(tree, f"tools/{file}", "exec")
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two: nested too deep
                self.broken[stem] = f"{type(error).__name__}: {error}"
                continue
            self._note(stem, tree, ast)

    def _note(self, stem, tree, ast):
        """Note the imports of a module, and its public functions as tools."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self.imports.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self.imports.add(node.module)
        if not stem.startswith("_"):
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    self.tools.setdefault(node.name, stem)

    def warm(self, trusted):
        """Import in the server, once, what every worker would import; only the standard library and trusted
        packages."""
        for name in sorted(self.imports):
            top = name.partition(".")[0]
            if top in self.codes or (top not in sys.stdlib_module_names and top not in trusted):
                continue
            if top in ("antigravity", "this", "idlelib", "tkinter", "turtle", "turtledemo"):
                continue
            try:
                __import__(name)
            except Exception:  # the worker meets the same error, where it is reported as the tool's
                continue


class _Private:
    """An import finder for the pack's private modules, such as `_store`."""

    def __init__(self, codes):
        self.codes = codes

    def find_spec(self, name, path=None, target=None):
        if name.startswith("_") and name in self.codes:
            return type(sys.__spec__)(name, self)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.codes[module.__name__], module.__dict__)


def bound(limits, processes):
    """Set the kernel's limits for this process and its children, and let the kernel kill it first when memory is short.
    A limit that cannot be set is skipped. `processes` is RLIMIT_NPROC or None."""
    memory = limits["memory_bytes"]
    for kind, value in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, memory + (256 << 20)),
        (resource.RLIMIT_FSIZE, limits["disk_bytes"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, processes),
    ):
        if value is not None:
            try:
                resource.setrlimit(kind, (value, value))
            except (ValueError, OSError):
                continue
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(descriptor, b"1000")
    except OSError:
        pass
    finally:
        os.close(descriptor)


class Worker:
    """Answers calls until its channel closes."""

    def __init__(self, channel, modules, limits):
        self.channel, self.modules, self.limits = channel, modules, limits
        self.loaded = {}

    def serve(self):
        """Answer requests; exits when the channel closes."""
        for name in self.modules.codes:
            if name.startswith("_"):
                sys.modules.pop(name, None)
        sys.meta_path.insert(0, _Private(self.modules.codes))
        waiting = b""
        while True:
            part = os.read(self.channel, PART)
            if not part:
                os._exit(0)
            waiting += part
            while b"\n" in waiting:
                line, _, waiting = waiting.partition(b"\n")
                self.answer(json.loads(line))

    def answer(self, request):
        """Run one call and write its response line."""
        began = time.perf_counter()
        content, fault = self.run(request["tool"], request["arguments"])
        seconds = round(time.perf_counter() - began, 6)
        limit = self.limits["output_chars"]
        cut = len(content) > limit
        if cut:
            content = f"{content[:limit]}\n[cut: {len(content)} characters in all, {limit} shown]"
        reply = {"content": content, "fault": fault, "truncated": cut, "seconds": seconds}
        data = memoryview(as_line({"id": request["id"], "ok": reply}))
        while data:
            data = data[os.write(self.channel, data) :]

    def run(self, tool, arguments):
        """Return (content, fault) of one call."""
        try:
            function = self.function(tool)
            if function is None:
                return _error(f"There is no tool {tool}."), "unknown_tool"
            value = function(**arguments)
            return _content(value)
        except MemoryError:
            return _error("The tool used more memory than the sandbox allows."), "limit"
        except REFUSALS as error:
            return _error(_sentence(error)), "tool_error"
        except OSError as error:
            if error.errno in _FULL:
                return _error(f"A bound of the sandbox was reached: {error.strerror}."), "limit"
            return _error(f"{type(error).__name__}: {_sentence(error)}"), "tool_crash"
        except BaseException as error:
            return _error(f"{type(error).__name__}: {_sentence(error)}"), "tool_crash"

    def function(self, tool):
        """Return a tool's function, whose module is executed at its first call; None for an unknown tool. Raises
        ImportError when the tool may be in a module that does not compile."""
        stem = self.modules.tools.get(tool)
        if stem is None:
            if self.modules.broken:
                raise ImportError("; ".join(self.modules.broken.values()))
            return None
        module = self.loaded.get(stem)
        if module is None:
            module = types.ModuleType(f"tools.{stem}")
            sys.modules[module.__name__] = module
            exec(self.modules.codes[stem], module.__dict__)
            self.loaded[stem] = module
        return getattr(module, tool)


def _content(value):
    """Return (content, fault) for what a tool returned: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value, None
    try:
        return _encode_result(value), None
    except MemoryError:
        raise
    except Exception as error:
        message = _sentence(error)
        if message.startswith("Out of range float"):
            message = "NaN or Infinity"
        return _error(f"The tool returned what JSON cannot hold: {message}."), "tool_crash"


def _plain(value):
    """Return a value that is no JSON as one that is; the encoder asks only for such values.

    Dates and times become ISO text, Decimals text with all their digits, sets sorted lists, bytes UTF-8 text or else
    base64, dataclasses objects, enums their values, paths text, and arrays and scalars of numpy lists and numbers.
    Raises TypeError for any other, and ValueError for a Decimal that is no finite number.
    """
    import base64
    import dataclasses
    import datetime
    import decimal
    import enum
    import pathlib

    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise ValueError("NaN or Infinity")
        return str(value)
    if isinstance(value, (set, frozenset)):
        return _sorted(value)
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__}")


def _sorted(values):
    """Return a set as a list whose order does not depend on the hash seed."""
    try:
        if all(isinstance(value, (int, float)) for value in values):
            return sorted(values)
        return sorted(values, key=_encode_result)
    except RecursionError:
        raise TypeError("a set nested too deeply") from None


_encode_result = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain).encode


def _sentence(error):
    """Return an exception's message, also when making it raises another exception."""
    try:
        return f"KeyError: {error}" if type(error) is KeyError and error.args else str(error)
    except BaseException as second:
        return type(second).__name__


def _error(message):
    return encode({"error": message})


def start(channel, modules, limits, processes, folder):
    """Turn this newly forked process into a worker. Never returns."""
    try:
        os.chdir(folder)
        bound(limits, processes)
        gc.enable()
        Worker(channel, modules, limits).serve()
    except BaseException:
        os._exit(70)
