"""A teacher over HTTP that notes what it is asked and answers as a function of it says."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class FakeTeacher:
    """``with FakeTeacher(lambda body: "…") as server``: at ``server.url``; ``server.bodies``: (path, body) of each request. It lists
    its models unless ``lists_models`` is false."""

    lists_models = True

    def __init__(self, answer: Callable[[dict[str, Any]], str]) -> None:
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append((self.path, body))
                text = answer(body)
                said = (
                    {"text": text}
                    if self.path.endswith("/v1/completions")
                    else {"message": {"role": "assistant", "content": text}}
                )
                usage = {"prompt_tokens": 7, "completion_tokens": 5}
                reply = {"model": "served", "choices": [{"index": 0, "finish_reason": "stop", **said}], "usage": usage}
                self._send(200, reply)

            def do_GET(self) -> None:
                fine = self.path == "/v1/models" and outer.lists_models
                self._send(200 if fine else 404, {"object": "list", "data": [{"id": "served"}] if fine else []})

            def _send(self, status: int, reply: dict[str, Any]) -> None:
                sent = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, format: str, *arguments: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> "FakeTeacher":
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
