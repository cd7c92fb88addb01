"""How OpenLineage events leave: as lines of a file, over HTTP, or both (https://openlineage.io/apidocs/openapi).

Lineage is told beside the work, so nobody who listens badly may hold the work up: a target has two seconds, and one that failed
is left alone for a minute. What an event says is in ``ocr_assets/platform/openlineage.py``, the targets are settings
(``resources/settings/openlineage.py``).
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import queue
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from resources.secrets import OPENLINEAGE_KEY, authorization, hidden

PATIENCE_S = 2.0
PAUSE_S = 60.0
_again_at: dict[str, float] = {}  # target that failed → when it is tried again


def send(event: Mapping[str, Any], file: str = "", url: str = "") -> list[str]:
    """Hand an event to the targets that are named. Returns a sentence for each that begins to fail; it is not said again, and the
    target's events are dropped, until it works again."""
    line = json.dumps(event, separators=(",", ":")).encode()
    faults = []
    for target, hand_over in ((file, append_line), (url, post)):
        if not target or time.monotonic() < _again_at.get(target, 0):
            continue
        try:
            hand_over(target, line)
            _again_at.pop(target, None)
        except (OSError, ValueError, http.client.HTTPException) as error:
            if target not in _again_at:
                shown = target if target == file else f"{urlsplit(target).scheme}://{urlsplit(target).netloc}"
                faults.append(hidden(f"OpenLineage events do not reach {shown}: {error}", [OPENLINEAGE_KEY.read()]))
            _again_at[target] = time.monotonic() + PAUSE_S
    return faults


def append_line(file: str, line: bytes) -> None:
    """Add one line to a file, whole or not at all, whoever else adds lines. Raises ``OSError``."""
    path = Path(file).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        size = out.seek(0, os.SEEK_END)
        whole = line + b"\n"
        try:
            if out.write(whole) != len(whole):
                raise OSError("no room for a whole line")
        except OSError:
            out.truncate(size)
            raise


def post(url: str, body: bytes) -> None:
    """Post one event. Raises ``OSError`` or ``HTTPException`` if it was not accepted, and after ``PATIENCE_S`` in any case: a
    socket's own limit counts neither the look-up of a name nor an answer that comes byte by byte."""
    outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
    threading.Thread(target=_post, args=(url, body, outcome), daemon=True).start()
    try:
        fault = outcome.get(timeout=PATIENCE_S)
    except queue.Empty:
        raise TimeoutError(f"no answer within {PATIENCE_S:g} s") from None
    if fault is not None:
        raise fault


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without the event, and count as accepted."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _post(url: str, body: bytes, outcome: queue.SimpleQueue[Exception | None]) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    key = OPENLINEAGE_KEY.read()
    if key is not None:
        request.add_header("Authorization", authorization(key))
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=PATIENCE_S):
            outcome.put(None)
    except Exception as error:  # handed to whoever waits
        outcome.put(error)


__all__ = ["PATIENCE_S", "PAUSE_S", "append_line", "post", "send"]
