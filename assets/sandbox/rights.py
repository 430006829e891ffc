"""Who the tool server is, and who its children become: three users, so that no tool can reach the server.

Runs inside the sandbox, standard library only. Where the sandbox starts the server as root of a container, the server
becomes a user of its own and keeps the capabilities KEPT. Tools, commands and programs become the user of the tools,
without any capability. The process that compares files becomes a third user. In the local sandbox the server and its
children stay one user, and nothing here has an effect; in bubblewrap they do so too (spaces.py).

The server opens files as the user of the tools (its fsuid): so it has the rights of their owner over all that tools
make, and following a link that a tool laid gives no more than the tool had.
"""

import ctypes
import os

CAP_KILL, CAP_SETGID, CAP_SETUID = 5, 6, 7
KEPT = (CAP_KILL, CAP_SETGID, CAP_SETUID)
"""To end tools, and to become their user in a child. The server starts with CAP_CHOWN and CAP_SETPCAP too, which it
needs for `take` only."""
DUMPABLE = 4
_KEEPCAPS, _BOUNDING_DROP, _NO_NEW_PRIVS = 8, 24, 38
_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words of 32 capabilities, each with three sets


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Word(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


class Rights:
    """`users` is {"server", "tools", "comparison"}, each a user and group number, or None where all stay one user."""

    def __init__(self, users):
        self.users = users
        if users is not None:
            self._prepare(KEPT)

    def _prepare(self, kept):
        """Set up the calls to the kernel; the server will keep the capabilities `kept`, of which none is above 31."""
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.header = _Header(_VERSION, 0)
        self.none = (_Word * 2)()
        self.kept = (_Word * 2)()
        self.kept[0].effective = self.kept[0].permitted = sum(1 << capability for capability in kept)

    def take(self, folders):
        """Become the server's user, after giving the `folders`, which are made, to the tools. No child can gain a
        capability from here on, and no other user can look into the server. Raises OSError."""
        if self.users is None:
            return
        tools, server = self.users["tools"], self.users["server"]
        for folder in folders:
            os.mkdir(folder, 0o755)
            os.chown(folder, tools, tools)
        self._give_up_new_privileges()
        os.setgroups([])
        self._prctl(_KEEPCAPS, 1)
        os.setresgid(server, server, server)
        os.setresuid(server, server, server)
        self._set(self.kept)
        self._open_as_tools()
        self._prctl(DUMPABLE, 0)

    def become_tool(self):
        """Turn this forked process into one of the tools', for good. Raises OSError."""
        if self.users is None:
            return
        tools = self.users["tools"]
        os.setresgid(tools, tools, tools)
        os.setresuid(tools, tools, tools)
        self._set(self.none)  # changing from one ordinary user to another takes no capability away
        self._prctl(DUMPABLE, 1)

    def become_comparison(self):
        """Turn this forked process into the one that compares files. It opens them as the user of the tools does, but
        no tool can send it a signal, nor can it send one to the server. Raises OSError."""
        if self.users is None:
            return
        other = self.users["comparison"]
        self._be_killed_first()  # now, as this process cannot do so later
        os.setresgid(other, other, other)
        os.setresuid(other, other, other)
        self._open_as_tools()
        self._set(self.none)

    def stay(self):
        """Keep the server's rights in this forked process."""

    def _give_up_new_privileges(self):
        """Let no program that is started from here on gain a privilege. Raises OSError."""
        self._prctl(_NO_NEW_PRIVS, 1)
        capability = 0
        while self.libc.prctl(_BOUNDING_DROP, capability, 0, 0, 0) == 0:  # fails at the first that the kernel lacks
            capability += 1
        if capability <= max(KEPT):
            raise OSError(ctypes.get_errno(), "the bounding set cannot be emptied")

    def _open_as_tools(self):
        tools = self.users["tools"]
        for name in ("setfsgid", "setfsuid"):
            change = getattr(self.libc, name)
            change(tools)
            if change(tools) != tools:  # it returns the number before, and fails silently
                raise OSError(f"{name} was refused")

    def _be_killed_first(self):
        """Let the kernel kill this process before the server when memory is short."""
        if self.users is not None:
            self.libc.setfsuid(0)  # the file belongs to root, because the server is not dumpable
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(descriptor, b"1000")
        finally:
            os.close(descriptor)

    def _set(self, words):
        if self.libc.capset(ctypes.byref(self.header), words) != 0:
            raise OSError(ctypes.get_errno(), "capset was refused")

    def _prctl(self, option, value):
        if self.libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl {option} was refused")
