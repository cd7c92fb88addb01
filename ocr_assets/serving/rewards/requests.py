"""What the server lets in: who may ask, how large a body may be, how long one may take to send it, and what is JSON.

What a request asks for is read in ``verify.py`` and ``sandbox_fusion.py``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import ipaddress
import json
from typing import Any

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

SEND_S = 60.0  # in which a body has to be here
LARGE = 1 << 16  # bytes of a body that is read in a thread, so that others are answered meanwhile


class Refused(Exception):
    """A request that is not served. ``status``: of HTTP; ``headers``: further ones of the answer."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.headers = status, headers or {}


class Door:
    """Who may come in. ``token``: what a request has to show, None: nothing, but then it has to name this machine, so that no
    page in a browser can get here under another name (DNS rebinding)."""

    def __init__(self, token: SecretStr | None) -> None:
        self._token = None if token is None else token.get_secret_value().encode()

    def check(self, headers: Headers) -> None:
        """Raises ``Refused`` where a request shows no token or a wrong one."""
        if self._token is None:
            if not is_this_machine(_host(headers.get("host", ""))):
                raise Refused(403, "without a token the server answers to the names of its own machine; set OCR_SERVE_TOKEN")
        elif not hmac.compare_digest(_shown(headers.get("authorization", "")), self._token):
            challenge = {"WWW-Authenticate": 'Bearer realm="ocr-assets"'}
            how = "Authorization: Bearer TOKEN, or the address http://any:TOKEN@host"  # pragma: allowlist secret
            raise Refused(401, f"the token is missing or wrong: {how}", challenge)


def is_this_machine(host: str) -> bool:
    """Whether a name or an address can only mean the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


class Bodies:
    """Reads bodies of at most ``most`` bytes, all of those that are held at once being at most four times that."""

    def __init__(self, most: int) -> None:
        self.most, self._all, self.held = most, 4 * most, 0

    async def read(self, request: Request) -> Body:
        """The body of a request. Raises ``Refused``; ``ClientDisconnect`` where the client went away."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # which a page of another site cannot send unasked
            raise Refused(415, f"the body has to be JSON (Content-Type: application/json), not {kind[:100] or 'nothing'}")
        body = Body(self)
        try:
            async with asyncio.timeout(SEND_S):
                if (size := request.headers.get("content-length", "")).isdigit():
                    self._insist(int(size), 0)
                async for chunk in request.stream():
                    self._insist(body.size + len(chunk), len(chunk))
                    body.add(chunk)
        except TimeoutError as error:
            body.release()
            raise Refused(408, f"the body was not here after {SEND_S:g} s", {"Connection": "close"}) from error
        except Refused as error:
            body.release()
            if error.status == 413:
                await self._drop(request)
            raise
        except BaseException:
            body.release()
            raise
        return body

    async def _drop(self, request: Request) -> None:
        """Take what still comes and throw it away, up to a point: most clients read the answer only when they have sent all."""
        dropped = 0
        with contextlib.suppress(TimeoutError, RuntimeError, ClientDisconnect):
            async with asyncio.timeout(SEND_S):
                async for chunk in request.stream():
                    dropped += len(chunk)
                    if dropped > self._all:
                        return

    def _insist(self, size: int, more: int) -> None:
        if size > self.most:
            raise Refused(413, f"the body is larger than {self.most >> 20:,} MiB (--body-mb)", {"Connection": "close"})
        if self.held + more > self._all:
            raise Refused(504, "too many large bodies at once; ask again", {"Connection": "close", "Retry-After": "1"})


class Body:
    """A body, which counts as held until it is released."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies, self._chunks, self.size = bodies, list[bytes](), 0

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.size += len(chunk)
        self._bodies.held += len(chunk)

    def release(self) -> None:
        self._bodies.held -= self.size
        self._chunks, self.size = [], 0

    async def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ``Refused``."""
        data = b"".join(self._chunks)
        self._chunks = []
        value = await asyncio.to_thread(_parsed, data) if len(data) > LARGE else _parsed(data)
        if not isinstance(value, dict):
            raise Refused(400, "the body has to be a JSON object")
        return value


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except RecursionError as error:
        raise Refused(400, "the body is no JSON that can be read: it is nested too deeply") from error
    except ValueError as error:
        raise Refused(400, f"the body is no JSON: {str(error)[:200]}") from error


def _host(header: str) -> str:
    """The name in a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _shown(authorization: str) -> bytes:
    """The token that a request shows: as such, or as the password that an address carries, for clients that set no header."""
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return shown.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(shown.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


__all__ = ["Bodies", "Body", "ClientDisconnect", "Door", "Refused", "is_this_machine"]
