"""Docker containers, isolated.

No network unless the domain asks for it, read-only root, one size-bound writable folder in memory, bounds on memory,
processor and processes. Tools run as `nobody` without capabilities and new privileges, the tool server as another user,
whom they cannot reach. It talks with the engine over the container's attached stream. It ends when the engine does, and
the container is removed with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Mapping
from typing import Annotated, Any

import docker
import docker.errors
import requests
from pydantic import Field

from engine.errors import SandboxError
from engine.examples import SandboxExample
from engine.liveness import lives, process_name
from engine.sandboxes._pool import Pooled, WarmPool
from engine.sandboxes._remote import RemoteSandbox, bundle, command_line
from engine.sandboxes._stream import Broken, Stream
from engine.types import Environment, Options, SandboxHealth

__all__ = ["Docker"]

LABEL = "turnwright.engine"
_ROOT = "/sandbox"
_TOOLS, _SERVER, _COMPARISON = 65534, 65533, 65532
"""Users and groups in the container (assets/sandbox/rights.py). Tools are `nobody`; the others have no name there."""
_CAPABILITIES = ["CHOWN", "KILL", "SETGID", "SETPCAP", "SETUID"]
"""Those that the tool server starts with, to become another user. It gives up two of them, and tools have none."""
_FILES = 65536
"""Files and folders that fit into the writable folder. The tool server keeps something in memory for each of them."""
_SERVER_BYTES = 96 << 20
"""Memory for the init process and the tool server on top of what the tools may use."""
_SERVER_PROCESSES = 4
"""Processes of the init process and the tool server on top of those of the tools."""
_FAULTS = (docker.errors.DockerException, requests.exceptions.RequestException, OSError)


class Config(Options):
    """Containers of this engine. Each takes about 20 MB when idle."""

    image: str = "turnwright-sandbox:1"
    """The image that containers are made of."""
    most: Annotated[int, Field(ge=1, le=1024, title="Containers at once")] = 128
    """How many there are at the most; rollouts beyond it wait for one."""
    warm: Annotated[int, Field(ge=1, le=256, title="Started ahead")] = 8
    """How many are started ahead."""
    parallel: Annotated[int, Field(ge=1, le=16, title="Starts side by side")] = 4
    """How many start at the same time."""
    timeout: Annotated[int, Field(ge=5, le=600, title="Seconds for an answer")] = 60
    """Seconds that the Docker engine may take for an answer."""
    runtime: str = ""
    """Another container runtime, such as "runsc"; the engine's own when empty."""


class _Frames(Stream):
    """The attached stream of a container. Docker sends standard output and standard error mixed, in frames of an 8 byte
    header and a payload."""

    def __init__(self) -> None:
        super().__init__()
        self._raw = bytearray()

    def data_received(self, data: bytes) -> None:
        if not self._raw and len(data) > 8 and data[0] == 1 and int.from_bytes(data[4:8], "big") == len(data) - 8:
            self.feed(data[8:])
            return
        self._raw += data
        while len(self._raw) >= 8:
            kind, size = struct.unpack(">BxxxL", self._raw[:8])
            if len(self._raw) < 8 + size:
                return
            payload = bytes(self._raw[8 : 8 + size])
            del self._raw[: 8 + size]
            if kind == 2:
                self.errors = (self.errors + payload)[-4096:]
            else:
                self.feed(payload)


class Docker(Pooled):
    """Implements protocols.SandboxPool."""

    name = "docker"
    title = "Docker"
    isolated = True
    unbounded = ()

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config
        self._client: Any = None
        self._gone: asyncio.Task[bool] | None = None
        self._processors = 1.0

    async def start(self) -> None:
        """Check that the Docker engine answers and has the image, then sweep. Raises SandboxError(gone=True)."""
        await asyncio.to_thread(self._check)
        config = self._config
        self._pool = WarmPool(
            self._start_one,
            self._shape,
            most=config.most,
            parallel=config.parallel,
            warm=config.warm,
            processors=self._processors,
        )
        await self.sweep()

    async def health(self) -> SandboxHealth:
        try:
            version = await asyncio.to_thread(self._check)
        except SandboxError as error:
            return SandboxHealth(self.name, False, True, str(error))
        return SandboxHealth(self.name, True, True, f"Docker {version} answers, and {self._config.image} is there.")

    async def left(self) -> list[str]:
        """Return the containers of Turnwright engines that no longer run. Raises SandboxError(gone=True)."""
        found = await asyncio.to_thread(self._left)
        return [f"container {one['Id'][:12]} ({one['State']})" for one in found]

    async def sweep(self) -> int:
        """Remove containers of Turnwright engines that no longer run, and return how many."""
        return await asyncio.to_thread(self._sweep)

    async def aclose(self) -> None:
        await super().aclose()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    # ------------------------------------------------------------ the Docker engine

    def _api(self) -> Any:
        if self._client is None:
            self._client = docker.from_env(timeout=self._config.timeout)
        return self._client.api

    def _check(self) -> str:
        """Return the Docker engine's version. Raises SandboxError(gone=True) with the next move."""
        try:
            api = self._api()
            version = str(api.version()["Version"])
            self._processors = float(api.info()["NCPU"])
        except _FAULTS as error:
            raise SandboxError(
                f"No Docker engine answers ({_short(error)}). Start it, then try again.", gone=True
            ) from error
        try:
            api.inspect_image(self._config.image)
        except docker.errors.ImageNotFound as error:
            message = f"The sandbox image {self._config.image} is missing. Build it with `make sandbox-image`."
            raise SandboxError(message, gone=True) from error
        except _FAULTS as error:
            raise SandboxError(f"The Docker engine failed: {_short(error)}", gone=True) from error
        return version

    def _answers(self) -> bool:
        try:
            self._api().ping()
        except _FAULTS:
            return False
        return True

    async def _explain(self, reason: str) -> SandboxError:
        """Return the error for a broken stream: this container's, or the Docker engine's if it does not answer. When it
        is gone, all streams break at once, so they share one check."""
        if self._gone is None or self._gone.done():
            self._gone = asyncio.create_task(asyncio.to_thread(self._answers))
        if await asyncio.shield(self._gone):
            return SandboxError(f"The container broke: {reason}.")
        return SandboxError("The Docker engine is gone. Start it, then resume.", gone=True)

    def _left(self) -> list[dict[str, Any]]:
        """Return the containers that no engine uses. Raises SandboxError(gone=True)."""
        try:
            found = self._api().containers(all=True, filters={"label": LABEL})
        except _FAULTS as error:
            raise SandboxError(f"The Docker engine failed: {_short(error)}", gone=True) from error
        return [one for one in found if _is_left(one)]

    def _sweep(self) -> int:
        left = self._left()
        try:
            return sum(self._remove(container["Id"]) for container in left)
        except _FAULTS as error:
            raise SandboxError(f"The Docker engine failed: {_short(error)}", gone=True) from error

    def _remove(self, identity: str) -> bool:
        """Remove a container whatever its state, and return whether it existed."""
        try:
            self._api().remove_container(identity, force=True, v=True)
        except docker.errors.NotFound:
            return False
        except docker.errors.APIError as error:
            if error.status_code == 409:  # its removal is under way
                return True
            raise
        return True

    # ------------------------------------------------------------ one container

    def _shape(self, environment: Environment) -> tuple[Any, ...]:
        """Return what a container is made with and cannot change later."""
        limits = environment.limits
        return (limits.memory_bytes, limits.disk_bytes, limits.processes, limits.cpus, environment.network)

    async def _start_one(self, environment: Environment) -> RemoteSandbox:
        first = bundle(
            root=_ROOT,
            alone=True,
            users={"server": _SERVER, "tools": _TOOLS, "comparison": _COMPARISON},
            paths=["/usr/lib/python3/dist-packages", "/opt/tools"],
            count_processes=False,
            niceness=0,
            environment={},
            remove=False,
        )
        starting = asyncio.create_task(asyncio.to_thread(self._create, environment, len(first)))
        try:
            identity, attached = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread goes on: wait for its container and remove it, else nobody would.
            with contextlib.suppress(SandboxError):
                identity, attached = await starting
                attached.close()
                await asyncio.to_thread(self._forget, identity)
            raise
        return await self._connect(identity, attached, first, self._shape(environment))

    async def _connect(
        self, identity: str, attached: socket.socket, first: bytes, shape: tuple[Any, ...]
    ) -> RemoteSandbox:
        async def close() -> None:
            await asyncio.to_thread(self._forget, identity)

        stream: Stream | None = None
        try:
            attached.setblocking(False)
            _, stream = await asyncio.get_running_loop().create_connection(_Frames, sock=attached)
            stream.write(first)
            await stream.wait_ready(float(self._config.timeout))
        except (OSError, Broken, asyncio.CancelledError) as error:
            if stream is not None:
                await stream.aclose()
            attached.close()
            await asyncio.shield(close())
            if isinstance(error, asyncio.CancelledError):
                raise
            raise await self._explain(f"its tool server did not start: {error}") from error
        return RemoteSandbox(self.name, self.isolated, stream, shape, self._explain, close)

    def _forget(self, identity: str) -> None:
        """Remove a container that is no longer needed. If the Docker engine is gone, a later sweep removes it."""
        with contextlib.suppress(*_FAULTS):
            self._remove(identity)

    def _create(self, environment: Environment, size: int) -> tuple[str, socket.socket]:
        """Create, attach and start a container, and return its id and stream. When a step fails, the container is
        removed. Raises SandboxError."""
        identity = None
        try:
            api = self._api()
            identity = api.create_container(
                self._config.image,
                command=command_line("/usr/bin/python3", size),
                user="0:0",
                stdin_open=True,
                tty=False,
                network_disabled=not environment.network,
                working_dir=_ROOT,
                environment={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"},
                labels={LABEL: process_name()},
                host_config=self._bounds(api, environment),
            )["Id"]
            parameters = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            attached = _plain_socket(api.attach_socket(identity, params=parameters))
            api.start(identity)
            return identity, attached
        except _FAULTS as error:
            if identity is not None:
                self._forget(identity)
            raise self._failure(error) from error

    def _bounds(self, api: Any, environment: Environment) -> Any:
        limits = environment.limits
        memory = limits.memory_bytes + limits.disk_bytes + _SERVER_BYTES
        return api.create_host_config(
            auto_remove=True,
            network_mode="bridge" if environment.network else "none",
            ipc_mode="none",
            read_only=True,
            tmpfs={_ROOT: f"size={limits.disk_bytes},nr_inodes={_FILES},mode=0755,uid=0,gid=0,nosuid,nodev,exec"},
            cap_drop=["ALL"],
            cap_add=_CAPABILITIES,
            security_opt=["no-new-privileges"],
            mem_limit=memory,
            memswap_limit=memory,
            nano_cpus=round(min(limits.cpus, self._processors) * 1e9),
            pids_limit=limits.processes + _SERVER_PROCESSES,
            init=True,
            restart_policy={"Name": "no"},
            log_config={"Type": "none", "Config": {}},
            runtime=self._config.runtime or None,
        )

    def _failure(self, error: Exception) -> SandboxError:
        """Return the error for a container that could not be started, with the next move."""
        if isinstance(error, docker.errors.ImageNotFound):
            message = f"The sandbox image {self._config.image} is missing. Build it with `make sandbox-image`."
            return SandboxError(message, gone=True)
        if "no space left on device" in str(error).lower():
            message = "The disk of the Docker engine is full. Free some space there (`docker system df` shows where)."
            return SandboxError(message, gone=True)
        if isinstance(error, docker.errors.APIError) and self._answers():
            return SandboxError(f"A container could not start: {_short(error)}")
        return SandboxError(f"The Docker engine is gone ({_short(error)}). Start it, then resume.", gone=True)


def _plain_socket(attached: Any) -> socket.socket:
    """Return the socket beneath the object that the SDK returns, so that asyncio can own it. Raises OSError when the
    connection is encrypted."""
    found = getattr(attached, "_sock", attached)
    if type(found) is not socket.socket:
        raise OSError("this connection is encrypted; use a Unix socket, plain TCP or an SSH tunnel to the engine")
    copy = found.dup()
    attached.close()
    return copy


def _is_left(container: Mapping[str, Any]) -> bool:
    """Whether the engine that started a container has ended. One of another machine may live, so only its ended
    containers count."""
    alive = lives(container["Labels"][LABEL])
    return alive is False or (alive is None and container["State"] not in ("running", "created"))


def _short(error: Exception) -> str:
    text = str(getattr(error, "explanation", None) or error)
    return text if len(text) <= 300 else f"{text[:300]}..."


def _left_by(engine: str) -> set[str]:
    """Return the ids of the containers of the engine with this process name."""
    client = docker.from_env()
    try:
        found = client.api.containers(all=True, filters={"label": f"{LABEL}={engine}"})
        return {container["Id"] for container in found}
    finally:
        client.close()


EXAMPLE = SandboxExample(left_by=_left_by)
