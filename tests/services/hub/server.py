"""A hub on loopback that speaks to the real client, and fails on demand.

Modelled on what huggingface_hub 2.4 sends and reads (file_download.py, utils/_http.py, hf_api.py): HEAD and
GET of /REPO/resolve/REVISION/FILE, with X-Repo-Commit, ETag, X-Linked-Etag and X-Linked-Size; large files
(LFS) redirect to a CDN, which is another origin here as it is there; small ones redirect to a path of the
same host; refusals carry X-Error-Code; /api answers with a repository's commit and its tree.
"""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

_RESOLVE = re.compile(r"/(?P<prefix>datasets/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_SMALL = re.compile(r"/api/resolve-cache/(?P<kind>model|dataset)s/(?P<repo>[^/]+/[^/]+)/(?P<commit>[^/]+)/(?P<file>.+)")
_API = re.compile(r"/api/(?P<kind>model|dataset)s/(?P<repo>[^/]+/[^/]+)(/(?P<what>revision|tree)/(?P<revision>[^/]+))?")
_SIGNATURE = "X-Amz-Signature=c2lnbmF0dXJl"


def sha256(content: bytes) -> str:
    """Return the name of a large file's bytes."""
    return hashlib.sha256(content).hexdigest()


def git_hash(content: bytes) -> str:
    """Return the name that git gives to a small file's bytes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's own


@dataclass
class Repository:
    """A repository: its commits by revision, each a mapping of path to bytes."""

    commits: dict[str, dict[str, bytes]]
    kind: str = "model"
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    large: int = 64  # files of at least so many bytes are kept as LFS


@dataclass
class Fault:
    """What goes wrong with the next `times` requests of a method at a stage: `resolve`, `cdn` or `list`."""

    method: str
    stage: str
    times: int = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None  # bytes of the body, after which the connection is closed
    stall_after: int | None = None  # bytes of the body, after which nothing comes
    corrupt: bool = False  # the first byte of the whole file is another
    ignore_range: bool = False
    size: int | None = None  # the whole file is cut or filled to so many bytes


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    method: str
    stage: str
    path: str
    range: str | None
    authorization: str | None
    status: int


class Hub:
    """The hub and its CDN, each at its own port of loopback.

    Args:
        repositories: By name, such as `owner/name`.
        tokens: What each known token may do: `read` gated repositories it has accepted, or `none` of them.
    """

    def __init__(self, repositories: dict[str, Repository], tokens: dict[str, str] | None = None) -> None:
        self.repositories, self.tokens = repositories, tokens or {}
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.commit_header: str | None = None  # a commit that every reply claims, whatever was asked
        self.end_of_stalls = threading.Event()
        self._lock = threading.Lock()
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(self)) for _ in range(2)]
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.url, self.cdn = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def close(self) -> None:
        """Stop both servers."""
        self.end_of_stalls.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def fail(self, method: str, stage: str, **fault: Any) -> None:
        """Add a fault."""
        self.faults.append(Fault(method, stage, **fault))

    def count(self, method: str, stage: str) -> int:
        """Return how many requests of a method arrived at a stage."""
        return len(self.asked(method, stage))

    def asked(self, method: str, stage: str) -> list[Seen]:
        """Return the requests of a method that arrived at a stage."""
        return [seen for seen in self.seen if (seen.method, seen.stage) == (method, stage)]

    def next_fault(self, method: str, stage: str) -> Fault | None:
        """Return the fault that is due, and count it as used."""
        with self._lock:
            for fault in self.faults:
                if (fault.method, fault.stage) == (method, stage) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def content(self, digest: str) -> bytes:
        """Return the bytes with this SHA-256."""
        every = (c for r in self.repositories.values() for files in r.commits.values() for c in files.values())
        return next(content for content in every if sha256(content) == digest)


@dataclass
class _Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            stage, reply = _route(hub, path, self)
            fault = hub.next_fault(self.command, stage)
            if fault is not None and fault.status is not None:
                reply = _Reply(fault.status, fault.headers, b"trouble")
            elif fault is not None and fault.corrupt:
                reply.body = bytes([reply.body[0] ^ 1]) + reply.body[1:]
            elif fault is not None and fault.size is not None:
                reply.body = reply.body[: fault.size].ljust(fault.size, b"x")
            if stage in ("cdn", "small") and reply.status == 200 and not (fault and fault.ignore_range):
                reply = _part(reply, self.headers.get("Range"))
            asked = Seen(
                self.command, stage, self.path, self.headers.get("Range"), self.headers.get("Authorization"),
                reply.status,
            )  # fmt: skip
            hub.seen.append(asked)
            self._send(reply, fault)

        def _send(self, reply: _Reply, fault: Fault | None) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in reply.headers:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if fault is None or (fault.cut_after is None and fault.stall_after is None):
                self.wfile.write(reply.body)
                return
            self.wfile.write(reply.body[: fault.cut_after if fault.stall_after is None else fault.stall_after])
            self.wfile.flush()
            if fault.stall_after is not None:
                hub.end_of_stalls.wait(30)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    return Handler


def _part(reply: _Reply, asked: str | None) -> _Reply:
    """Answer a range request as RFC 9110 says."""
    if asked is None:
        return reply
    start, size = int(asked.removeprefix("bytes=").removesuffix("-")), len(reply.body)
    if start >= size:
        return _Reply(416, {"Content-Range": f"bytes */{size}"})
    headers = reply.headers | {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
    return _Reply(206, headers, reply.body[start:])


def _route(hub: Hub, path: str, request: BaseHTTPRequestHandler) -> tuple[str, _Reply]:
    if path.startswith("/cdn/"):
        if _SIGNATURE not in request.path:
            return "cdn", _Reply(403, {}, b"no signature")
        return "cdn", _Reply(200, {"ETag": '"cdn"'}, hub.content(path.removeprefix("/cdn/")))
    if match := _RESOLVE.fullmatch(path):
        return "resolve", _resolve(hub, match, request)
    if match := _SMALL.fullmatch(path):
        content = hub.repositories[match["repo"]].commits[match["commit"]][match["file"]]
        headers = {"ETag": f'"{git_hash(content)}"', "X-Repo-Commit": match["commit"]}
        return "small", _Reply(200, headers, content)
    if match := _API.fullmatch(path):
        return "list", _api(hub, match, request)
    return "other", _Reply(404, {"X-Error-Code": "RepoNotFound"})


def _resolve(hub: Hub, match: re.Match[str], request: BaseHTTPRequestHandler) -> _Reply:
    repository = hub.repositories.get(match["repo"])
    kind = "dataset" if match["prefix"] else "model"
    if refused := _refused(hub, repository, kind, match["repo"], request):
        return refused
    assert repository is not None
    commit = repository.refs.get(match["revision"], match["revision"])
    if commit not in repository.commits:
        return _Reply(404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
    claimed = hub.commit_header or commit
    if match["file"] not in repository.commits[commit]:
        return _Reply(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": claimed})
    content = repository.commits[commit][match["file"]]
    if len(content) < repository.large:
        location = f"/api/resolve-cache/{kind}s/{match['repo']}/{commit}/{match['file']}"
        headers = {"X-Repo-Commit": claimed, "ETag": f'"{git_hash(content)}"', "X-Linked-Size": str(len(content))}
        return _Reply(307, headers | {"Location": location})
    headers = {
        "X-Repo-Commit": claimed,
        "X-Linked-Etag": f'"{sha256(content)}"',
        "X-Linked-Size": str(len(content)),
        "ETag": '"of-the-redirect"',
        "Location": f"{hub.cdn}/cdn/{sha256(content)}?{_SIGNATURE}",
    }
    return _Reply(302, headers)


def _refused(
    hub: Hub, repository: Repository | None, kind: str, name: str, request: BaseHTTPRequestHandler
) -> _Reply | None:
    """Return the refusal for this caller: an unknown token always, a gated repository without access."""
    authorization = request.headers.get("Authorization")
    token = authorization.removeprefix("Bearer ") if authorization else None
    if token is not None and token not in hub.tokens:
        return _Reply(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
    if repository is None or repository.kind != kind:
        return _Reply(
            404 if token else 401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
        )
    if not repository.gated or hub.tokens.get(token or "") == "read":
        return None
    if token is None:
        message = f"Access to model {name} is restricted. You must have access to it and be authenticated to access it."
        return _Reply(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": message})
    if hub.tokens[token] == "fine-grained":
        message = "Please enable access to public gated repositories in your fine-grained token settings"
        return _Reply(403, {"X-Error-Message": message})
    message = f"Access to model {name} is restricted and you are not in the authorized list."
    return _Reply(403, {"X-Error-Code": "GatedRepo", "X-Error-Message": message})


def _api(hub: Hub, match: re.Match[str], request: BaseHTTPRequestHandler) -> _Reply:
    repository = hub.repositories.get(match["repo"])
    if refused := _refused(hub, repository, match["kind"], match["repo"], request):
        return refused
    assert repository is not None
    revision = match["revision"] or "main"
    commit = repository.refs.get(revision, revision)
    if commit not in repository.commits:
        return _Reply(404, {"X-Error-Code": "RevisionNotFound"})
    files = repository.commits[commit]
    if match["what"] == "tree":
        document: Any = [_tree_entry(name, content, repository.large) for name, content in files.items()]
    else:
        siblings = [{"rfilename": name} for name in files]
        document = {"id": match["repo"], "sha": commit, "siblings": siblings, "private": False, "tags": [],
                    "downloads": 0, "likes": 0, "gated": repository.gated, "disabled": False}  # fmt: skip
    return _Reply(200, {"Content-Type": "application/json", "X-Repo-Commit": commit}, json.dumps(document).encode())


def _tree_entry(name: str, content: bytes, large: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
    if len(content) >= large:
        entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
    return entry
