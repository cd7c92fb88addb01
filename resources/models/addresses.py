"""Which base URLs there are to ask: those of a setting, and those in lists that are read again while requests are in flight.

A list is a file, a folder of such files or an HTTP(S) address: a URL a line (``#`` begins a comment), or a JSON array of URLs.
Whoever starts and stops servers (Slurm jobs, Kubernetes, a script) writes it. What follows from a change is ``calls.py``; a
server that we start ourselves is ``server.py``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from resources.secrets import authorization, has_password, hidden

LIST = "list:"  # what a list's place begins with in a setting
MOST_BYTES = 1 << 20
LIST_TIMEOUT_S = 10.0


class Unreadable(RuntimeError):
    """Which endpoints there are cannot be said now; the message says why. Those known before hold."""


class AddressSource(Protocol):
    """Base URLs that may change. ``kind``: the name of the teacher that asks them; ``every_s``: seconds between two looks, None
    where they never change."""

    kind: str

    @property
    def every_s(self) -> float | None: ...

    async def now(self) -> Sequence[str]:
        """Those to be asked now. Raises ``Unreadable``; ``ModelUnavailable`` where there will be none any more."""
        ...

    def __str__(self) -> str:
        """What they are, as it may be shown."""
        ...

    @property
    def why_none(self) -> str:
        """Why there is none now, as it may be shown."""
        ...


class Addresses:
    """The base URLs and lists that a setting names, several by comma: ``http://one:8000/v1,list:/shared/servers.txt``.

    ``key`` is what the server of an HTTP list wants to see.
    """

    kind = "endpoint"

    def __init__(self, setting: str | Sequence[str], key: SecretStr | None = None) -> None:
        parts = setting.split(",") if isinstance(setting, str) else setting
        self._parts = [part.strip() for part in parts if part.strip()]
        self._lists = [part.removeprefix(LIST).strip() for part in self._parts if part.startswith(LIST)]
        self._key = key

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __str__(self) -> str:
        return hidden(", ".join(self._parts), [self._key])

    @property
    def fixed(self) -> list[str]:
        """Those that never change."""
        return [part for part in self._parts if not part.startswith(LIST)]

    @property
    def every_s(self) -> float | None:
        if not self._lists:
            return None
        return 5.0 if any(map(_over_http, self._lists)) else 1.0

    @property
    def why_none(self) -> str:
        return f"{self} names no endpoint"

    async def now(self) -> Sequence[str]:
        found = self.fixed
        for place in self._lists:
            try:
                for content in await self._read(place):
                    found += read_list(content)
            except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:
                raise Unreadable(self._shown(f"the list of endpoints {place} cannot be read: {_reason(error)}")) from None
        return list(dict.fromkeys(found))

    async def _read(self, place: str) -> list[bytes]:
        if not _over_http(place):
            return await asyncio.to_thread(_files, Path(place).expanduser())
        headers = {"Authorization": authorization(self._key)} if self._key is not None else {}
        async with (
            httpx.AsyncClient(timeout=LIST_TIMEOUT_S, follow_redirects=False) as client,
            asyncio.timeout(LIST_TIMEOUT_S),
            client.stream("GET", place, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"HTTP {answer.status_code}")
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise ValueError("more than a megabyte is no list of endpoints")
            return [body]

    def _shown(self, text: str) -> str:
        return hidden(text, [self._key])


def read_list(content: bytes) -> list[str]:
    """The base URLs in a list. Raises ``ValueError`` naming the line that is none: half a list is none either."""
    text = content.decode("utf-8-sig")
    if text.lstrip().startswith("["):
        entries = json.loads(text)
        named = [(f"entry {number}", entry) for number, entry in enumerate(entries, 1)]
    else:
        lines = [line.partition("#")[0].strip() for line in text.splitlines()]
        named = [(f"line {number}", line) for number, line in enumerate(lines, 1) if line]
    return [_base_url(where, entry) for where, entry in named]


def _base_url(where: str, entry: object) -> str:
    if not isinstance(entry, str):
        raise ValueError(f"{where} is no text")
    url = entry.strip().rstrip("/")
    if has_password(url):
        raise ValueError(f"{where}: {hidden(url)} has a password in it; give it as the key of the model's setting")
    parts = urlsplit(url)
    try:
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not set(url) & set(" \t<>\"'")
    except ValueError:  # a port that is no number
        fine = False
    if not fine:
        raise ValueError(f"{where}: {url[:200]!r} is no base URL such as http://host:8000/v1")
    return url


def _over_http(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def _files(path: Path) -> list[bytes]:
    """The file, or all files of the folder but hidden ones: so each server's job can have one, and remove it when it ends."""
    found = []
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file != path and (file.name.startswith(".") or not file.is_file()):
            continue
        try:
            with file.open("rb") as opened:
                found.append(opened.read(MOST_BYTES + 1))
        except FileNotFoundError:
            if file == path:
                raise
        if sum(map(len, found)) > MOST_BYTES:
            raise ValueError("more than a megabyte is no list of endpoints")
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error) or "no answer in time"
    return str(error) or type(error).__name__
