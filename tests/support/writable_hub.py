"""A Hugging Face Hub on this machine that datasets can be pushed to: what the official client asks for when it makes a dataset,
stores files and commits. Reading only is in ``fake_hub.py``."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

KEY = "hf_" + "written" * 5


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Dataset:
    """``files``: path → content; ``large``: paths kept in the storage of large files; ``commits``: messages, oldest first."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    commits: list[str] = field(default_factory=lambda: ["initial commit"])

    @property
    def head(self) -> str:
        return f"{len(self.commits):040x}"


@dataclass
class Hub:
    """``stored``: SHA-256 → content of large files; ``puts``: how often one was sent; ``before_put``, ``before_commit``: called
    then, with the number of files sent or the dataset, and may raise or return an HTTP status to answer with."""

    address: str = ""
    datasets: dict[str, Dataset] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    puts: int = 0
    before_put: Callable[[int], int | None] = lambda number: None
    before_commit: Callable[[Dataset], int | None] = lambda dataset: None
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def writable_hub() -> Iterator[Hub]:
    hub = Hub()

    class Answer(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._get(body=False)

        def do_GET(self) -> None:
            self._get(body=True)

        def _get(self, body: bool) -> None:
            path = unquote(self.path.partition("?")[0])
            for name, dataset in hub.datasets.items():
                if path.startswith(f"/api/datasets/{name}/tree/"):
                    return self._json([self._entry(dataset, file) for file in sorted(dataset.files)])
                if path in (f"/api/datasets/{name}", *(f"/api/datasets/{name}/revision/{r}" for r in ("main", dataset.head))):
                    return self._json({"id": name, "sha": dataset.head, "private": dataset.private, "siblings": []})
                for file, content in dataset.files.items():
                    if path.startswith(f"/datasets/{name}/resolve/") and path.endswith(f"/{file}"):
                        headers = {"ETag": f'"{git_hash(content)}"', "X-Repo-Commit": dataset.head}
                        return self._send(
                            content if body else b"", "application/octet-stream", headers=headers, length=len(content)
                        )
            return self._send(
                b"{}", "application/json", 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "no such dataset"}
            )

        def _entry(self, dataset: Dataset, file: str) -> dict[str, Any]:
            content = dataset.files[file]
            entry: dict[str, Any] = {"type": "file", "path": file, "size": len(content), "oid": git_hash(content)}
            if file in dataset.large:
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            return entry

        def do_POST(self) -> None:
            path = unquote(self.path.partition("?")[0])
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if path == "/api/validate-yaml":
                return self._json({"errors": [], "warnings": []})
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                return self._json({"error": f"who is {self.headers.get('Authorization')}?"}, 401)
            if path == "/api/repos/create":
                wanted = json.loads(sent)
                name = f"{wanted['organization']}/{wanted['name']}" if wanted.get("organization") else wanted["name"]
                if name in hub.datasets:
                    return self._json({"error": "there is one"}, 409)
                hub.datasets[name] = Dataset(private=wanted.get("visibility") == "private" or bool(wanted.get("private")))
                return self._json({"url": f"{hub.address}/datasets/{name}"})
            for name, dataset in hub.datasets.items():
                if path == f"/api/datasets/{name}/preupload/main":
                    files = json.loads(sent)["files"]
                    large = {file["path"]: file["path"].endswith(".parquet") for file in files}
                    return self._json({"files": [
                        {"path": path, "uploadMode": "lfs" if is_large else "regular", "shouldIgnore": False, "oid": None}
                        for path, is_large in large.items()
                    ]})  # fmt: skip
                if path == f"/datasets/{name}.git/info/lfs/objects/batch":
                    return self._json({"transfer": "basic", "objects": [self._offer(one) for one in json.loads(sent)["objects"]]})
                if path == f"/api/datasets/{name}/commit/main":
                    return self._commit(name, dataset, [json.loads(line) for line in sent.splitlines()])
            return self._json({"error": f"not made: {path}"}, 404)

        def _offer(self, wanted: dict[str, Any]) -> dict[str, Any]:
            if wanted["oid"] in hub.stored:
                return dict(wanted)
            return {**wanted, "actions": {"upload": {"href": f"{hub.address}/store/{wanted['oid']}"}}}

        def do_PUT(self) -> None:
            with hub.lock:
                hub.puts += 1
                status = hub.before_put(hub.puts)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if status is None:
                digest = self.path.rpartition("/")[2]
                assert hashlib.sha256(content).hexdigest() == digest
                hub.stored[digest] = content
            self._json({}, status or 200)

        def _commit(self, name: str, dataset: Dataset, lines: list[dict[str, Any]]) -> None:
            with hub.lock:
                if (status := hub.before_commit(dataset)) is not None:
                    return self._json({"error": "no"}, status)
                if lines[0]["value"].get("parentCommit") not in (None, dataset.head):
                    return self._json({"error": "the head is another"}, 412)
                for line in lines[1:]:
                    value = line["value"]
                    if line["key"] == "file":
                        dataset.files[value["path"]] = base64.b64decode(value["content"])
                    elif line["key"] == "lfsFile":
                        dataset.files[value["path"]] = hub.stored[value["oid"]]
                        dataset.large.add(value["path"])
                    elif line["key"] == "deletedFile":
                        del dataset.files[value["path"]]
                dataset.commits.append(lines[0]["value"]["summary"])
            return self._json(
                {"success": True, "commitOid": dataset.head, "commitUrl": f"{hub.address}/datasets/{name}/commit/{dataset.head}"}
            )

        def _json(self, value: Any, status: int = 200) -> None:
            self._send(json.dumps(value).encode(), "application/json", status)

        def _send(
            self, sent: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None, length: int | None = None
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(sent) if length is None else length))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
