"""The stream to the engine: requests come in; answers and the output of open processes go out.

Runs inside the sandbox, standard library only.
"""

import collections
import json
import os
import select

import processes
from lines import PART, as_line


class Stream:
    """`inbound` and `outbound` are the descriptors of the protocol; no child may inherit them.

    Code that polls for something else calls `register` with its poller, and `attend` for every ready descriptor that is
    not its own. So the end of the engine is noticed at once, and open processes (`programs`) are served, whatever the
    server waits for.
    """

    def __init__(self, inbound, outbound):
        self.inbound, self.outbound = inbound, outbound
        self.programs = None
        self.requests = collections.deque()
        self.received = bytearray()

    def next_request(self):
        """Wait for a request and return (request, its line). Raises Hangup."""
        while not self.requests:
            if not self.programs.running:
                self.receive()
                continue
            poller = select.poll()
            self.register(poller)
            for descriptor, _ in poller.poll():
                self.attend(descriptor)
        return self.requests.popleft()

    def register(self, poller):
        """Add the stream's descriptors. Without open processes only the end of the engine is watched: further requests
        can wait."""
        poller.register(self.inbound, select.POLLIN if self.programs.running else 0)
        if self.programs.running:
            poller.register(self.programs.selector.fileno(), select.POLLIN)

    def attend(self, descriptor):
        """Handle a ready descriptor that `register` added. Raises Hangup."""
        if descriptor == self.inbound:
            self.receive()
        else:
            self.programs.attend()

    def receive(self):
        """Read what the engine sent. Messages to open processes are delivered at once, requests are queued."""
        try:
            part = os.read(self.inbound, PART)
        except ConnectionResetError:
            raise processes.Hangup from None
        if not part:
            raise processes.Hangup
        self.received += part
        while (end := self.received.find(b"\n")) >= 0:
            line = bytes(self.received[: end + 1])
            del self.received[: end + 1]
            request = json.loads(line)
            if request["op"] == "tell":
                self.programs.received(request)
            else:
                self.requests.append((request, line))

    def send(self, value):
        """Send a value as a JSON line, or bytes that are a line already. Raises Hangup."""
        view = memoryview(value if isinstance(value, bytes) else as_line(value))
        while view:
            try:
                view = view[os.write(self.outbound, view) :]
            except (BrokenPipeError, ConnectionResetError):
                raise processes.Hangup from None
