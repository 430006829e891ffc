"""The tool server: does in one sandbox what the engine requests, over a stream of JSON lines.

Runs inside the sandbox, standard library only. One request a line ({"id", "op", ...}), one answer a line
({"id", "ok"} or {"id", "error": {"kind", "message"}}), in order. Operations: open, reset, call, exec, read,
write, diff, start, ping. Lines about one open process have its number and no id: {"op": "tell", "process", ...} from
the engine (granted, data, end), {"process", ...} to it (data, taken, deaf, status, errors, drained, gone). The server
ends, with everything below it, as soon as the engine closes the stream.
"""

import base64
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import time

import answers
import command
import processes
import programs
import rights
import spaces
import start
import state_diff
import worker
import workspace
import zygote
from lines import as_line, encode
from stream import Stream

_LIMITS = {
    "call_seconds": 20.0,
    "memory_bytes": 512 << 20,
    "disk_bytes": 128 << 20,
    "processes": 64,
    "output_chars": 20000,
}


_QUICK_SECONDS = 0.5
"""Processor time that the server itself spends on a comparison."""
_COMPARING_SECONDS = 90
"""Time, and processor time, of the process that compares files."""
_BYTES_SECONDS = 20.0
"""Processor time that the server spends on digests of files when that process failed. With the time above it is less
than the engine waits."""
_MOST_COMPARED = 32 << 20
"""Bytes of the changes that this process may report."""
_UNFIT = (OSError, ValueError, MemoryError, RecursionError, workspace.TooMany, processes.Slow)
"""What ends a comparison that goes too far."""


class Refused(Exception):
    """A request that cannot be served; `kind` tells the engine which exception it becomes."""

    def __init__(self, kind, message):
        self.kind = kind
        super().__init__(message)


class Server:
    """One sandbox, served over a Stream."""

    def __init__(self, stream, root, family, trusted, count_processes):
        self.stream = stream
        self.trusted = frozenset(trusted)
        self.count_processes = count_processes
        self.family = family
        family.private = self.private
        self.programs = stream.programs = programs.Programs(self.family, stream)
        self.workspace = workspace.Workspace(root)
        self.start = start.Start(family.alone, workspace.folders_below(root))
        self.changed = ""
        self.modules = worker.Modules({})
        self.limits = dict(_LIMITS)
        self.process_cap = None
        self.worker = None
        self.zygote = None
        self.git = False
        self.baseline = state_diff.Baseline({})
        self.pristine = False
        self.unlaid = False
        self.held = False

    # ------------------------------------------------------------ the stream

    def serve(self):
        """Answer requests until the engine closes the stream. Raises Hangup."""
        while True:
            self.answer(*self.stream.next_request())

    def answer(self, request, line):
        """Answer a request. What can be done before the next one comes is done after the answer is sent, so that the
        engine does not wait for it."""
        try:
            self.release()
            self.lay_again()
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
        """Lay the workspace of a new environment. The code of the tools is compiled here, once for all workers, and
        then frozen, so that the garbage collector leaves the memory shared with forked workers alone."""
        self.stop()
        self.pristine = False
        self.limits = {**_LIMITS, **request["limits"]}
        self.process_cap = self.find_process_cap()
        self.git = request["git"]
        self.modules = worker.Modules(request["modules"])
        self.modules.warm(self.trusted)
        self.workspace.describe(request["files"])
        self.workspace.lay()
        if changed := self.changed or self.start.changed():
            raise workspace.Unverified(f"an earlier rollout changed: {changed}")
        self.baseline = state_diff.Baseline({path: data for path, (data, _) in self.workspace.files.items()})
        if self.git:
            self.make_repository()
        gc.collect()
        gc.freeze()
        self.make_zygote()
        self.pristine = True
        return {}

    def op_reset(self, request, line):
        """End every process and lay the workspace anew, unless it is pristine. Returns what else is not as it was at
        the start: the present rollout may go on, but the engine lends the sandbox to no other one."""
        if not self.pristine:
            self.stop()
            self.workspace.lay()
            self.changed = self.changed or self.start.changed()
            self.pristine = True
        return {"changed": self.changed}

    def lay_ahead(self):
        """Lay the workspace anew after the last diff, which has ended all processes. Where that fails, the next request
        tries it again and meets the failure."""
        self.unlaid = not self.pristine
        with contextlib.suppress(OSError, MemoryError, workspace.Unverified):
            self.lay_again()

    def lay_again(self):
        if self.unlaid:
            self.workspace.lay()
            self.pristine, self.unlaid = True, False

    def stop(self):
        """End every process below the server, open ones included."""
        self.drop_worker()
        self.family.kill()
        self.programs.end()

    def end_calls(self):
        """End the worker and all that calls and commands left running; open processes go on."""
        self.drop_worker()
        self.family.kill_others()

    def drop_worker(self):
        if self.worker is not None:
            os.close(self.worker[1])
            self.worker = None

    def make_repository(self):
        """Make the workspace a git repository with one commit, whose hash depends on the files only."""
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

    def git_command(self, *arguments, where=()):
        """Run git without the machine's configuration and hooks, in the repository that the options `where` name, and
        return its output. Raises Refused."""
        request = {"argv": ["git", "-c", "core.hooksPath=/dev/null", *where, *arguments], "timeout": 60.0, "stdin": b""}
        bounds = {**self.limits, "output_chars": 16 << 20}
        environment = {**self.environment(), **workspace.GIT_IDENTITY}
        place = command.Place(self.workspace.folder, environment, bounds, None)
        done = command.execute(self.family, request, place, self.stream)
        if done["status"] != 0:
            raise Refused("broken", f"git {arguments[0]} failed: {done['stderr'].decode('utf-8', 'replace')[:500]}")
        return done["stdout"]

    # ------------------------------------------------------------ calls and commands

    def start_worker(self):
        """Fork a worker; `self.worker` stays None when the sandbox allows no further process."""
        if self.zygote is not None:
            self.worker = self.forked(lambda ours, theirs: self.zygote.fork(theirs))
            if self.worker is None:  # a tool may have ended it
                self.end_zygote()
        if self.worker is None:
            self.worker = self.forked(self.fork_here)

    def forked(self, fork):
        """Return (process, our end of its channel) of the worker that `fork` makes, None where that fails. Each try has
        a channel of its own: a zygote that was given up may still have forked a worker, which then finds its one
        closed."""
        ours, theirs = socket.socketpair()
        try:
            child = fork(ours.fileno(), theirs.fileno())
        except (OSError, ValueError):
            ours.close()
            return None
        finally:
            theirs.close()
        ours.setblocking(False)
        return child, ours.detach()

    def fork_here(self, ours, theirs):
        """Fork a worker from this process, whose channel is the descriptor `theirs`. Raises OSError."""
        child = self.family.fork(closing=(ours,))
        if child == 0:
            self.become_worker(theirs)
        return child

    def become_worker(self, channel):
        worker.start(channel, self.modules, self.limits, self.process_cap, self.workspace.folder)

    def make_zygote(self):
        """Start the process that forks the workers of the present environment, where there can be one."""
        self.end_zygote()
        if self.modules.tools and zygote.is_possible(self.family):
            with contextlib.suppress(OSError):
                self.zygote = zygote.Zygote(self.family, self.become_worker)

    def end_zygote(self):
        if self.zygote is not None:
            self.zygote.close()
            self.zygote = None

    def private(self):
        """Return the server's descriptors, which no child may inherit."""
        channel = () if self.worker is None else (self.worker[1],)
        forks = () if self.zygote is None else (self.zygote.channel.fileno(),)
        return (self.stream.inbound, self.stream.outbound, *channel, *forks, *self.programs.descriptors())

    def find_process_cap(self):
        """Return the RLIMIT_NPROC for tools; None in a container, which bounds processes itself.

        The kernel counts all threads of the user in this user namespace. Where that is the sandbox's own the bound is
        exact; else those that run now are added, and 1024 for those that start later.
        """
        if self.family.space is not None:
            return self.limits["processes"] + spaces.OWN_PROCESSES
        if not self.count_processes or not os.path.isdir("/proc"):
            return None
        return self.limits["processes"] + _threads_of(os.getuid()) + 1024

    def op_call(self, request, line):
        """Have the worker run a tool function, and pass its answer on once it is checked."""
        self.pristine = False
        if not self.ready_worker():
            return _fault("The sandbox allows no further process.", "limit", None)
        seconds = self.limits["call_seconds"]
        most = self.limits["output_chars"] * 12 + 65536
        try:
            if answers.unasked(self.worker[1]):
                return self.forged()
            answer = processes.exchange(self.worker[1], line, time.monotonic() + seconds, most, self.stream)
        except EOFError:
            return _fault(*self.worker_death(), None)
        except OverflowError:
            self.end_calls()
            return _fault("The tool wrote past its answer.", "limit", None)
        if answer is not None:
            found = answers.checked(answer, request["id"], self.limits)
            if found is None:
                return self.forged()
            if answer.find(b"\n") != len(answer) - 1:
                self.end_calls()  # forks of the worker live on, and would answer the next call
            return found
        self.end_calls()
        return _fault(f"The tool did not finish within {seconds:g} seconds.", "timeout", seconds)

    def forged(self):
        """End the worker, and return the fault of a tool that wrote its own answers."""
        self.end_calls()
        return _fault("The tool wrote to the channel of its answers.", "tool_crash", None)

    def ready_worker(self):
        """Start a worker unless one lives, and return whether one lives now.

        A worker may have been killed by a process that an earlier call left running. When the sandbox allows no further
        process, those are ended to make room.
        """
        if self.worker is not None and os.waitid(os.P_PID, self.worker[0], os.WEXITED | os.WNOHANG | os.WNOWAIT):
            self.end_calls()
        if self.worker is None:
            self.start_worker()
        if self.worker is None:
            self.end_calls()
            self.start_worker()
        return self.worker is not None

    def worker_death(self):
        """Return (message, fault) that say how the worker ended, and end what its calls left running."""
        child, _ = self.worker
        self.drop_worker()
        if not processes.await_end(child, 1.0):
            self.end_calls()
            return "The tool closed the channel of its answers.", "tool_crash"
        status = self.family.reap(child)
        self.end_calls()
        if status is None:
            return "The tool's process disappeared.", "limit"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGKILL:
                return "The tool was killed by a bound of the sandbox (memory).", "limit"
            return f"The tool's process died of {signal.Signals(number).name}.", "tool_crash"
        return f"The tool ended its own process with status {os.WEXITSTATUS(status)}.", "tool_crash"

    def environment(self):
        """Return the environment variables of tools and commands."""
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
            self.end_calls()
        for stream in ("stdout", "stderr"):
            done[stream] = base64.b64encode(done[stream]).decode()
        return done

    def place(self):
        return command.Place(self.workspace.folder, self.environment(), self.limits, self.process_cap)

    def op_start(self, request, line):
        self.pristine = False
        self.programs.start(request, self.place())
        return {}

    # ------------------------------------------------------------ files and state

    def op_read(self, request, line):
        return {"data": base64.b64encode(self.workspace.read(request["path"])).decode()}

    def op_write(self, request, line):
        self.pristine = False
        self.workspace.write(request["path"], base64.b64decode(request["data"]))
        return {}

    def op_diff(self, request, line):
        """Return the changes of the workspace and, in a repository, the patch. With `last` every process is ended
        first, what a reset would find changed is told too, and the workspace is laid anew after the answer: the engine
        then requests no reset."""
        if request.get("last"):
            if not self.pristine:
                self.stop()
                self.changed = self.changed or self.start.changed()
                self.workspace.empty_scratch()  # makes room for the patch
            return self.diff(request["id"])
        if request.get("ahead") and not self.still():
            return {"still": False}
        with contextlib.nullcontext() if self.held else self.family.frozen():
            return self.diff(request["id"])

    def still(self):
        """Return whether nothing can change a file before the next request. No process may live but a worker in one
        thread and without children, which is stopped until then. A patch is made at the end only, when there is room
        for it."""
        if self.git:
            return False
        if self.worker is None:
            return self.family.only_waiting(())
        try:
            os.kill(self.worker[0], signal.SIGSTOP)
            self.held = True
            os.waitid(os.P_PID, self.worker[0], os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        except OSError:
            return False
        return self.family.only_waiting((self.worker[0],))

    def release(self):
        """Let a worker go on that was stopped when the engine looked ahead."""
        if self.held and self.worker is not None:
            with contextlib.suppress(OSError):
                os.kill(self.worker[0], signal.SIGCONT)
        self.held = False

    def diff(self, number):
        changes, patch = self.changes(), as_line(self.patch() if self.git else None)
        changed = as_line(self.changed)
        return b'{"id": %d, "ok": {"changes": %s, "patch": %s, "changed": %s, "still": true}}\n' % (
            number, changes[:-1], patch[:-1], changed[:-1],
        )  # fmt: skip

    def changes(self):
        """Return the changes as a line. They are compared here where that is cheap and safe, because a process of its
        own costs more than most comparisons."""
        found = None
        try:
            with processes.brief(_QUICK_SECONDS):
                found = state_diff.differing(self.workspace, self.baseline, state_diff.MOST_AT_ONCE)
                if not state_diff.heavy(self.workspace, found):
                    return as_line(state_diff.changes(self.workspace, self.baseline, found))
        except _UNFIT:
            pass
        return self.changes_in_child(found) or self.changes_by_bytes()

    def changes_in_child(self, found):
        """Return the changes as a line, compared in a process with bounds and a user of its own, so that no file can
        exhaust the server's memory, hold it up or take it over; None when that process fails. `found` are the files
        that differ, None when that is not known."""
        with contextlib.suppress(*_UNFIT):
            state_diff.read_pristine(self.baseline, found or ())
        ours, theirs = socket.socketpair()
        try:
            child = self.family.fork(self.family.rights.become_comparison, inside=False, closing=(ours.fileno(),))
        except OSError:
            ours.close()
            theirs.close()
            return None
        if child == 0:
            try:
                worker.bound(self.limits, None)
                resource.setrlimit(resource.RLIMIT_CPU, (_COMPARING_SECONDS, _COMPARING_SECONDS))
                theirs.recv(1)
                if found is None:
                    found = state_diff.differing(self.workspace, self.baseline)
                theirs.sendall(as_line(state_diff.changes(self.workspace, self.baseline, found)))
                os._exit(0)
            except BaseException:
                os._exit(70)
        theirs.close()
        ours.setblocking(False)
        try:
            deadline = time.monotonic() + _COMPARING_SECONDS
            line = processes.exchange(ours.fileno(), b"\n", deadline, _MOST_COMPARED, self.stream)
            return line if line is not None and line.find(b"\n") == len(line) - 1 else None
        except (EOFError, OverflowError):
            return None
        finally:
            ours.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            self.family.reap(child)

    def changes_by_bytes(self):
        """Return the changes as a line, with the digests of files only. What cannot be compared in this way either is
        what a tool made, so it is a change and no fault of the sandbox."""
        try:
            with processes.brief(_BYTES_SECONDS):
                found = state_diff.differing(self.workspace, self.baseline)
                return as_line(state_diff.changes(self.workspace, self.baseline, found, by_bytes=True))
        except (*_UNFIT, state_diff.TooMuch) as error:
            return as_line(state_diff.refused(str(error) or type(error).__name__))

    def patch(self):
        """Return the patch, or a line that says why there is none: a tool may have made what git cannot add. Raises
        OSError where the disk is not the sandbox's own."""
        try:
            return self.git_diff()
        except (Refused, OSError, MemoryError) as error:
            if isinstance(error, OSError) and not self.family.alone:
                raise
            return f"# There is no patch: {error}\n"

    def git_diff(self):
        """Return `git diff` from the initial commit to the present files, untracked ones included.

        Uses a pristine copy of the repository outside the workspace, so that what a rollout did to .git has no effect.
        """
        place = os.path.join(self.workspace.scratch, ".turnwright-git")
        workspace.remove(place)
        try:
            for path, (data, _) in self.workspace.files.items():
                if path.startswith(".git/"):
                    target = os.path.join(place, path[5:])
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    with open(target, "wb") as file:
                        file.write(data)
            os.utime(os.path.join(place, "index"), (1, 1))  # makes git compare content instead of time stamps
            for folder in ("objects", "refs/heads"):
                os.makedirs(os.path.join(place, folder), exist_ok=True)
            where = ("--git-dir", place, "--work-tree", self.workspace.folder)
            self.git_command("add", "-A", where=where)
            options = ("--cached", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "HEAD")
            return self.git_command("diff", *options, where=where).decode("utf-8", "replace")
        finally:
            workspace.remove(place)


def _fault(message, fault, seconds):
    content = encode({"error": message})
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


def _family(config):
    """Return the family of this server's children: in namespaces of their own where `space` gives the bytes of the
    workspace."""
    if config.get("space") is None:
        return processes.Family(config["alone"], rights.Rights(config["users"]))
    one_user = spaces.OneUser(config["space"])
    return processes.Family(config["alone"], one_user, spaces.Space(one_user))


def main(config):
    """Serve until the engine closes the stream; never returns. `config` is the bundle of engine/sandboxes/_remote.py.

    The stream moves to other descriptors and 0 to 2 become /dev/null, so that no tool can write into the protocol.
    """
    os.umask(0o022)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as the workers have it; here once, since each of them is a fork
    os.nice(config["niceness"])
    inbound, outbound = os.dup(0), os.dup(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    sys.path[:] = [*sys.path, *config["paths"]]
    family = _family(config)
    family.rights.take(workspace.folders_below(config["root"]))
    stream = Stream(inbound, outbound)
    server = Server(stream, config["root"], family, config["trusted"], config["count_processes"])
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
        server.end_zygote()
        if config["remove"]:
            workspace.remove(config["root"])
        os._exit(0)
