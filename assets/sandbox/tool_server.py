"""The tool server: speaks JSON lines with the engine and owns everything that happens in one sandbox.

Runs inside the sandbox, standard library only. One request a line ({"id", "op", ...}), one answer a line
({"id", "ok"} or {"id", "error": {"kind", "message"}}), in order. Operations: open, reset, call, exec, read,
write, diff, start, ping. Lines about one open process have its number and no id: {"op": "tell", "process", ...} from
the engine (granted, data, end), {"process", ...} to it (data, taken, deaf, status, errors, drained, gone). The server
ends, with everything below it, as soon as the engine closes the stream.
"""

import base64
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import time

import command
import processes
import programs
import state_diff
import worker
import workspace
from stream import Stream, as_line

_EMPTY = {"files": {}, "modules": {}, "git": False}
_LIMITS = {
    "call_seconds": 20.0,
    "memory_bytes": 512 << 20,
    "disk_bytes": 128 << 20,
    "processes": 64,
    "output_chars": 20000,
}


class Refused(Exception):
    """A request that cannot be served; `kind` tells the engine which exception it becomes."""

    def __init__(self, kind, message):
        self.kind = kind
        super().__init__(message)


class Server:
    """One sandbox, served over a Stream."""

    def __init__(self, stream, root, alone, trusted, count_processes):
        self.stream = stream
        self.trusted = frozenset(trusted)
        self.count_processes = count_processes
        self.family = processes.Family(alone)
        self.programs = stream.programs = programs.Programs(self.family, stream)
        self.workspace = workspace.Workspace(root)
        self.modules = worker.Modules({})
        self.limits = dict(_LIMITS)
        self.process_cap = None
        self.worker = None
        self.git = False
        self.baseline = state_diff.Baseline({})
        self.pristine = False

    # ------------------------------------------------------------ the stream

    def serve(self):
        while True:
            self.answer(*self.stream.next_request())

    def answer(self, request, line):
        try:
            reply = getattr(self, "op_" + request["op"])(request, line)
            if isinstance(reply, dict):
                reply = as_line({"id": request["id"], "ok": reply})
        except Refused as error:
            reply = _refusal(request, error.kind, error)
        except workspace.Escape as error:
            reply = _refusal(request, "escape", error)
        except programs.Unstarted as error:
            reply = _refusal(request, "unstarted", error)
        except (OSError, MemoryError, workspace.Unverified) as error:
            missing = isinstance(error, FileNotFoundError) and request["op"] == "read"
            reply = _refusal(request, "missing" if missing else "broken", error)
        self.stream.send(reply)
        if request.get("last"):
            self.lay_ahead()
        if self.pristine and self.modules.tools and self.worker is None:
            self.start_worker()

    # ------------------------------------------------------------ the life of a workspace

    def op_ping(self, request, line):
        return {"pid": os.getpid()}

    def op_open(self, request, line):
        """Take a new environment and lay it. The worker's code is compiled here, once."""
        self.stop()
        self.pristine = False
        self.limits = {**_LIMITS, **request["limits"]}
        self.process_cap = self.find_process_cap()
        self.git = request["git"]
        self.modules = worker.Modules(request["modules"])
        self.modules.warm(self.trusted)
        self.workspace.describe(request["files"])
        self.workspace.lay()
        self.baseline = state_diff.Baseline({path: data for path, (data, _) in self.workspace.files.items()})
        if self.git:
            self.make_repository()
        gc.collect()
        gc.freeze()
        self.pristine = True
        return {"digest": self.workspace.digest()}

    def op_reset(self, request, line):
        """End every process and lay the workspace anew, unless nothing was asked of it since that was done."""
        if not self.pristine:
            self.stop()
            self.workspace.lay()
            self.pristine = True
        return {}

    def lay_ahead(self):
        """Lay the workspace before the engine asks for it; what goes wrong comes to light in its own `reset`."""
        with contextlib.suppress(OSError, MemoryError, workspace.Unverified):
            self.op_reset(None, None)

    def stop(self):
        """End every process but this one."""
        self.drop_worker()
        self.family.kill()
        self.programs.end()

    def clear_up(self):
        """End the worker and whatever calls and commands left running; open processes go on."""
        self.drop_worker()
        self.family.kill_others()

    def drop_worker(self):
        if self.worker is not None:
            os.close(self.worker[1])
            self.worker = None

    def make_repository(self):
        """Make the workspace a repository with one commit whose name depends on the files only."""
        self.git_command("init", "-q", "-b", "main", "--template=", ".")
        for name, value in (
            ("user.name", workspace.GIT_IDENTITY["GIT_AUTHOR_NAME"]),
            ("user.email", workspace.GIT_IDENTITY["GIT_AUTHOR_EMAIL"]),
            ("gc.auto", "0"),
        ):
            self.git_command("config", name, value)
        self.git_command("add", "-A", "-f")
        self.git_command("commit", "-q", "--allow-empty", "--no-verify", "-m", "Initial state")
        self.workspace.adopt_git()

    def git_command(self, *arguments, **variables):
        """Return git's output, run with a configuration isolated from the machine. Raises Refused."""
        request = {"argv": ["git", "-c", "core.hooksPath=/dev/null", *arguments], "timeout": 60.0, "stdin": b""}
        bounds = {**self.limits, "output_chars": 16 << 20, "disk_bytes": self.limits["disk_bytes"]}
        environment = {**self.environment(), **workspace.GIT_IDENTITY, **variables}
        place = command.Place(self.workspace.folder, environment, bounds, None)
        done = command.execute(self.family, request, place, self.stream)
        if done["status"] != 0:
            raise Refused("broken", f"git {arguments[0]} failed: {done['stderr'].decode('utf-8', 'replace')[:500]}")
        return done["stdout"]

    # ------------------------------------------------------------ calls and commands

    def start_worker(self):
        ours, theirs = socket.socketpair()
        try:
            child = self.family.fork()
        except OSError:
            ours.close()
            theirs.close()
            return
        if child == 0:
            for descriptor in (ours.fileno(), *self.private()):
                os.close(descriptor)
            worker.start(theirs.detach(), self.modules, self.limits, self.process_cap, self.workspace.folder)
        theirs.close()
        ours.setblocking(False)
        self.worker = (child, ours.detach())

    def private(self):
        """Return the descriptors that belong to the server alone."""
        channel = () if self.worker is None else (self.worker[1],)
        return (self.stream.inbound, self.stream.outbound, *channel, *self.programs.descriptors())

    def find_process_cap(self):
        """Return the RLIMIT_NPROC to set, or None where a container bounds processes or root is exempt.

        The kernel counts every thread of the user, so ours come on top of those, with room for what starts later.
        """
        if not self.count_processes or os.getuid() == 0 or not os.path.isdir("/proc"):
            return None
        return self.limits["processes"] + _threads_of(os.getuid()) + 1024

    def op_call(self, request, line):
        self.pristine = False
        if not self.ready_worker():
            return _fault("The sandbox allows no further process.", "limit", None)
        seconds = self.limits["call_seconds"]
        most = self.limits["output_chars"] * 12 + 65536
        try:
            answer = processes.exchange(self.worker[1], line, time.monotonic() + seconds, most, self.stream)
        except EOFError:
            return _fault(*self.death(), None)
        except OverflowError:
            self.clear_up()
            return _fault("The tool wrote past its answer.", "limit", None)
        if answer is not None:
            return answer
        self.clear_up()
        return _fault(f"The tool did not finish within {seconds:g} seconds.", "timeout", seconds)

    def ready_worker(self):
        """Have a living worker: the one there is may have ended by what an earlier call left behind."""
        if self.worker is not None and os.waitid(os.P_PID, self.worker[0], os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self.clear_up()
        if self.worker is None:
            self.start_worker()
        if self.worker is None:
            self.clear_up()
            self.start_worker()
        return self.worker is not None

    def death(self):
        """Say how the worker ended, and clear up behind it."""
        child, _ = self.worker
        self.drop_worker()
        status = self.family.reap(child)
        self.clear_up()
        if status is None:
            return "The tool's process disappeared.", "limit"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGKILL:
                return "The tool was killed by a bound of the sandbox (memory).", "limit"
            return f"The tool's process died of {signal.Signals(number).name}.", "tool_crash"
        return f"The tool ended its own process with status {os.WEXITSTATUS(status)}.", "tool_crash"

    def environment(self):
        return {
            "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            "HOME": self.workspace.scratch,
            "TMPDIR": self.workspace.scratch,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(self.paths()),
            **workspace.GIT_IDENTITY,
        }

    def paths(self):
        return [path for path in sys.path if path.endswith(("site-packages", "dist-packages")) or path == "/opt/tools"]

    def op_exec(self, request, line):
        self.pristine = False
        request["stdin"] = base64.b64decode(request.get("stdin") or "")
        request["timeout"] = request.get("timeout") or self.limits["call_seconds"]
        done = command.execute(self.family, request, self.place(), self.stream)
        if done["fault"] == "timeout":
            self.clear_up()
        for stream in ("stdout", "stderr"):
            done[stream] = base64.b64encode(done[stream]).decode()
        return done

    def place(self):
        return command.Place(self.workspace.folder, self.environment(), self.limits, self.process_cap)

    def op_start(self, request, line):
        self.pristine = False
        self.programs.start(request, self.place(), self.private())
        return {}

    # ------------------------------------------------------------ files and state

    def op_read(self, request, line):
        return {"data": base64.b64encode(self.workspace.read(request["path"])).decode()}

    def op_write(self, request, line):
        self.pristine = False
        self.workspace.write(request["path"], base64.b64decode(request["data"]))
        return {}

    def op_diff(self, request, line):
        """Tell what changed. With `last` every process is ended first, and the workspace is laid anew afterwards."""
        if request.get("last") and not self.pristine:
            self.stop()
        found = state_diff.differing(self.workspace, self.baseline)
        if found and state_diff.heavy(found):
            changes = self.diff_apart(found)
        else:
            changes = state_diff.changes(self.workspace, self.baseline, found)
        return {"changes": changes, "patch": self.patch() if self.git else None}

    def diff_apart(self, found):
        """Compare big files and databases in a process of their own, so that none can harm the server."""
        ours, theirs = socket.socketpair()
        child = self.family.fork()
        if child == 0:
            try:
                os.close(ours.fileno())
                worker.bound({**self.limits, "memory_bytes": self.limits["memory_bytes"]}, None)
                theirs.recv(1)
                theirs.sendall(as_line({"ok": state_diff.changes(self.workspace, self.baseline, found)}))
                os._exit(0)
            except BaseException:
                os._exit(70)
        theirs.close()
        ours.setblocking(False)
        try:
            answer = processes.exchange(ours.fileno(), b"\n", time.monotonic() + 120, 64 << 20, self.stream)
        except (EOFError, OverflowError):
            answer = None
        finally:
            ours.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            self.family.reap(child)
        if answer is None:
            return state_diff.changes(self.workspace, self.baseline, found, by_bytes=True)
        return json.loads(answer)["ok"]

    def patch(self):
        """Return `git diff` from the initial commit to the files as they are, untracked ones included.

        Works on a pristine copy of the repository beside the workspace, so what a rollout did to .git has no say.
        """
        place = os.path.join(self.workspace.scratch, ".turnwright-git")
        try:
            for path, (data, _) in self.workspace.files.items():
                if path.startswith(".git/"):
                    target = os.path.join(place, path[5:])
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    with open(target, "wb") as file:
                        file.write(data)
            os.utime(os.path.join(place, "index"), (1, 1))  # so old that git trusts no time stamp, only content
            for folder in ("objects", "refs/heads"):
                os.makedirs(os.path.join(place, folder), exist_ok=True)
            where = ("--git-dir", place, "--work-tree", self.workspace.folder)
            self.git_command(*where, "add", "-A")
            options = ("--cached", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "HEAD")
            return self.git_command(*where, "diff", *options).decode("utf-8", "replace")
        finally:
            workspace._remove(place)


def _fault(message, fault, seconds):
    content = json.dumps({"error": message}, ensure_ascii=False)
    return {"content": content, "fault": fault, "truncated": False, "seconds": seconds}


def _refusal(request, kind, error):
    return {"id": request["id"], "error": {"kind": kind, "message": str(error)}}


def _threads_of(user):
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat("/proc/" + name).st_uid == user:
                    count += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
    return count


def main(config):
    """Serve until the stream closes. `config` is what the engine sent ahead of the first request."""
    os.umask(0o022)
    os.nice(config["niceness"])
    inbound, outbound = os.dup(0), os.dup(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    sys.path[:] = [*sys.path, *config["paths"]]
    stream = Stream(inbound, outbound)
    server = Server(stream, config["root"], config["alone"], config["trusted"], config["count_processes"])
    os.environ.clear()
    os.environ.update({**config["environment"], **server.environment()})
    gc.disable()
    try:
        stream.send({"id": 0, "ok": {"ready": True}})
        server.serve()
    except processes.Hangup:
        pass
    finally:
        server.family.kill()
        if config["remove"]:
            workspace._remove(config["root"])
        os._exit(0)
