"""A model's server that repeats the ``Authorization`` it was sent in each of its errors."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

ANSWER = {
    "object": "chat.completion",
    "model": "served",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "<think>x</think>none"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
}


@contextmanager
def repeating_server() -> Iterator[str]:
    """The base address. Below ``/denied`` every request gets 401; below ``/faulty`` an answer, 400, 500 and a page in turn."""
    number = count()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            sent = self.headers["Authorization"]
            error = {"error": {"message": f"you sent {sent}", "detail": dict(self.headers)}}
            if self.path.startswith("/denied"):
                self._reply(401, error)
            else:
                match next(number) % 4:
                    case 0:
                        self._reply(200, ANSWER)
                    case 1:
                        self._reply(400, error)
                    case 2:
                        self._reply(500, error)
                    case _:
                        self._reply(200, f"<html>you sent {sent}</html>")

        def _reply(self, status: int, body: object) -> None:
            data = json.dumps(body).encode() if isinstance(body, dict) else str(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if isinstance(body, dict) else "text/html")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *values: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
