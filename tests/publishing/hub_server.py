"""A server on this machine that speaks as much of the hub's protocol as huggingface_hub uses to push and pull."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import yaml

TOKEN = "hf_" + "t" * 34


@dataclass
class Repository:
    """A data-set repository: files by path for each branch, and the commits, newest last."""

    private: bool
    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})
    commits: list[str] = field(default_factory=list)


@dataclass
class Hub:
    """What the server holds. Large files are those that end in .jsonl. The upload number `break_at` (from 1) fails."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    break_at: int = 0


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Serve a hub until the block ends."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    # ---------------------------------------------------------------- requests

    def do_POST(self) -> None:
        body, path = self._body(), self._path()
        if not self._known():
            return self._error(401, "Invalid user token.")
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        if path.startswith("/verify"):
            return self._json({})
        if path == "/api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        repo, action, rest = self._api(path)
        if action == "branch":
            known = self.state.repositories[repo].branches
            known.setdefault(rest, dict(known["main"]))
            return self._json({})
        if action == "preupload":
            files = [
                {"path": one["path"], "uploadMode": _mode(one["path"]), "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        return self._commit(repo, rest, [json.loads(line) for line in body.splitlines() if line])

    def do_PUT(self) -> None:
        body, oid = self._body(), self._path().removeprefix("/upload/")
        self.state.uploads.append(oid)
        if len(self.state.uploads) == self.state.break_at:
            return self._error(400, "The upload broke off.")
        if hashlib.sha256(body).hexdigest() != oid:
            return self._error(400, "Other bytes than announced.")
        self.state.objects[oid] = body
        return self._json({})

    def do_GET(self) -> None:
        path = self._path()
        if path.startswith("/datasets/"):
            return self._file(path)
        repo, action, rest = self._api(path)
        found = self.state.repositories.get(repo)
        if found is None or (found.private and not self._known()):
            return self._error(404, "Repository not found", code="RepoNotFound")
        revision = rest.split("/", 1)[0] or "main"
        files = self._files(found, revision)
        if files is None:
            return self._error(404, "Invalid rev id", code="RevisionNotFound")
        if action == "tree":
            return self._json([_entry(name, data) for name, data in sorted(files.items())])
        siblings = [{"rfilename": name} for name in sorted(files)]
        return self._json({"id": repo, "private": found.private, "sha": _sha(files), "siblings": siblings, "tags": []})

    do_HEAD = do_GET

    # ---------------------------------------------------------------- answers

    def _create(self, wanted: dict[str, Any]) -> None:
        owner = wanted.get("organization") or "someone"
        if owner != "someone":
            return self._error(403, "You don't have the rights to create a dataset under this namespace.")
        repo = f"{owner}/{wanted['name']}"
        private = bool(wanted.get("private")) or wanted.get("visibility") == "private"
        url = {"url": f"{self.state.url}/datasets/{repo}"}
        if repo in self.state.repositories:
            return self._json(url | {"error": "You already created this dataset repo"}, 409)
        self.state.repositories[repo] = Repository(private)
        return self._json(url)

    def _validate(self, card: str) -> None:
        """Check the little of a card's front matter that the hub is known to refuse."""
        front = yaml.safe_load(card.split("---\n")[1])
        sizes = {"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "n>1M"}
        good = set(front["size_categories"]) <= sizes and all(len(code) in (2, 3) for code in front["language"])
        errors = [] if good else [{"message": "A value is not one of those that the hub knows."}]
        self._json({"warnings": [], "errors": errors}, 200 if good else 400)

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = []
        for one in wanted["objects"]:
            answer = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.state.objects:
                upload = {"href": f"{self.state.url}/upload/{one['oid']}"}
                answer["actions"] = {"upload": upload, "verify": {"href": f"{self.state.url}/verify"}}
            objects.append(answer)
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, repo: str, revision: str, lines: list[dict[str, Any]]) -> None:
        found = self.state.repositories[repo]
        files = found.branches[revision]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.state.objects[value["oid"]]
            elif line["key"] == "header":
                found.commits.append(value["summary"])
        url = f"{self.state.url}/datasets/{repo}/commit/{_sha(files)}"
        self._json({"success": True, "commitOid": _sha(files), "commitUrl": url, "hookOutput": ""})

    def _file(self, path: str) -> None:
        owner, name, _, revision, file = path.removeprefix("/datasets/").split("/", 4)
        found = self.state.repositories.get(f"{owner}/{name}")
        if found is None or (found.private and not self._known()):
            return self._error(404, "Repository not found", code="RepoNotFound")
        files = self._files(found, revision)
        if files is None or file not in files:
            return self._error(404, "Entry not found", code="EntryNotFound")
        data = files[file]
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": _sha(files)}
        return self._send(200, data, headers | {"Content-Type": "application/octet-stream"})

    def _files(self, repository: Repository, revision: str) -> dict[str, bytes] | None:
        by_commit = {_sha(files): files for files in repository.branches.values()}
        return {**by_commit, **repository.branches}.get(revision)

    def _api(self, path: str) -> tuple[str, str, str]:
        """Return (USER/NAME, what is asked, the rest of the path)."""
        owner, name, *rest = path.removeprefix("/api/datasets/").split("/", 3)
        action, last = [*rest, "", ""][:2]
        return f"{owner}/{name}", action, last

    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _path(self) -> str:
        return unquote(self.path.split("?", 1)[0])

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, message: str, code: str = "") -> None:
        headers = {"Content-Type": "application/json", "X-Error-Message": message}
        self._send(status, json.dumps({"error": message}).encode(), headers | ({"X-Error-Code": code} if code else {}))

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _mode(path: str) -> str:
    return "lfs" if path.endswith(".jsonl") else "regular"


def _entry(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}


def _sha(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
