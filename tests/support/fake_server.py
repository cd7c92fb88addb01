"""``python fake_server.py FOLDER MODEL PORT [BEHAVIOUR…]``: a model's server as ``vllm serve`` is one, that does what tests want.

It writes its process id and that of a child of its own, which it never ends, to ``FOLDER/pids``, and the seed of each request that
it answers to ``FOLDER/answered``. Behaviours: ``die=N`` after so many answers, ``never`` ready, ``refuse`` its arguments, ``fail``
while it loads, ``keyless``: it asks for no key.
"""

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path


def main(folder: Path, model: str, port: int, behaviours: list[str]) -> None:
    told = dict(behaviour.partition("=")[::2] for behaviour in behaviours)
    if "refuse" in told:
        print("usage: fake_server.py\nfake_server.py: error: unrecognized arguments: --magic", file=sys.stderr)
        raise SystemExit(2)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with (folder / "pids").open("a") as pids:
        pids.write(f"{os.getpid()} {child.pid}\n")
    if "fail" in told:
        raise RuntimeError("CUDA out of memory")
    number, key = count(1), os.environ["VLLM_API_KEY"]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "never" in told:
                self.reply(503, {})
            elif self.path == "/v1/models" and not self.is_known():
                self.reply(401, {})
            else:
                self.reply(200, {"object": "list", "data": [{"id": model}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.is_known():
                self.reply(401, {"error": {"message": "who are you"}})
                return
            time.sleep(0.01)
            if next(number) > int(told.get("die", 10**9)):
                print("engine died", flush=True)
                os._exit(3)
            with (folder / "answered").open("a") as answered:
                answered.write(f"{body['seed']}\n")
            text = {"message": {"role": "assistant", "content": f"said {body['seed']}"}}
            usage = {"prompt_tokens": 7, "completion_tokens": 5}
            self.reply(200, {"model": model, "choices": [{"index": 0, "finish_reason": "stop", **text}], "usage": usage})

        def is_known(self) -> bool:
            return "keyless" in told or self.headers["Authorization"] == f"Bearer {key}"

        def reply(self, status: int, body: dict[str, object]) -> None:
            sent = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        allow_reuse_address, daemon_threads, request_queue_size = False, True, 128

    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
