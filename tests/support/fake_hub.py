"""A Hugging Face Hub of a few datasets on this machine: what the official client asks for when it fetches a snapshot."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from typing import Any
from urllib.parse import unquote

COMMIT = "0" * 39 + "1"


def sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@contextmanager
def hub(datasets: Mapping[str, Mapping[str, bytes]]) -> Iterator[tuple[str, Counter[str]]]:
    """(its address, how often each ``dataset/file`` was downloaded). ``datasets``: name → file → content."""
    downloads: Counter[str] = Counter()

    class Answer(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = unquote(self.path.partition("?")[0])
            for name, files in datasets.items():
                if path.startswith(f"/api/datasets/{name}/revision/"):
                    siblings = [{"rfilename": file} for file in files]
                    return self._send(dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode(), "application/json")
                if path.startswith(f"/api/datasets/{name}/tree/"):
                    tree = [{"type": "file", "path": f, "size": len(c), "oid": sha1(c)} for f, c in files.items()]
                    return self._send(dumps(tree).encode(), "application/json")
                for file, content in files.items():
                    if path.startswith(f"/datasets/{name}/resolve/") and path.endswith(f"/{file}"):
                        downloads[f"{name}/{file}"] += body
                        return self._send(content if body else b"", "application/octet-stream", content)
            error = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "no such dataset"}
            return self._send(b"{}", "application/json", status=404, headers=error)

        def _send(
            self, sent: bytes, kind: str, whole: bytes | None = None, status: int = 200, headers: Mapping[str, str] | None = None
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(sent if whole is None else whole)))
            if whole is not None:
                self.send_header("ETag", f'"{sha1(whole)}"')
                self.send_header("X-Repo-Commit", COMMIT)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", downloads
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
