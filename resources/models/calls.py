"""The clients of one ``answer`` call, a client an endpoint, and what happens when endpoints join and leave meanwhile.

One that has left gets no new request. What it was asked before it may still answer, so that nothing is paid for twice; it is
looked at meanwhile, and once it answers nothing any more, its connections are closed and those requests go elsewhere. Which
endpoints there are says a source (``addresses.py``, ``server.py``); how much each is given, ``health.py``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import openai
from pydantic import SecretStr

from resources.models.addresses import AddressSource, Unreadable
from resources.models.api import ModelUnavailable
from resources.models.health import Endpoint, Endpoints
from resources.secrets import authorization, hidden

SAY_EVERY_S = 30.0
NEVER_READ_PATIENCE_S = 15.0  # for a list of which nothing is known yet
LOOK_AT_LEFT_S, LOOK_TIMEOUT_S, LOOKS_MISSED = 5.0, 10.0, 3
log = logging.getLogger(__name__)


class Call:
    """Clients, endpoints and where they come from; they belong to an event loop.

    Args:
        source: which endpoints there are.
        fixed: those known from the start.
        key: what they want to see.
        concurrency: requests in flight over all; ``each``: at one endpoint.
        timeout_s: of a request.
    """

    def __init__(
        self,
        source: AddressSource,
        fixed: list[str],
        key: SecretStr | None,
        concurrency: int,
        each: int | None,
        timeout_s: float,
    ) -> None:
        self.endpoints = Endpoints(fixed, concurrency, each)
        self._source, self._key, self._concurrency, self._timeout_s = source, key, concurrency, timeout_s
        self._clients: dict[str, openai.AsyncOpenAI] = {}
        self._seen_off: dict[str, asyncio.Task[None]] = {}

    async def send(self, endpoint: Endpoint, payload: Mapping[str, Any], *, chat: bool) -> tuple[bytes, str]:
        """The raw body and its content type."""
        client = self._client(endpoint.url)
        resource: Any = client.chat.completions if chat else client.completions
        raw = await resource.with_raw_response.create(**payload)
        return raw.content, raw.headers.get("content-type", "")

    async def serves_models(self, endpoint: Endpoint) -> bool:
        """Whether it lists models, which a server of another kind, or a page of its maintainers, does not."""
        try:
            raw = await self._client(endpoint.url).models.with_raw_response.list()
            return bool(json.loads(raw.content)["data"])
        except (openai.APIError, OSError, ValueError, LookupError, TypeError):
            return False

    async def follow(self) -> None:
        """Have the endpoints be those of the source, for ever. Raises ``ModelUnavailable`` where there will be none any more."""
        began, read, warned, told = time.monotonic(), False, 0.0, 0.0
        while True:
            now = time.monotonic()
            try:
                urls = await self._source.now()
                read = True
                for left in self.endpoints.replace(urls):
                    if left.url not in self._seen_off:
                        task = self._seen_off[left.url] = asyncio.create_task(self._see_off(left.url))
                        task.add_done_callback(lambda _, url=left.url: self._seen_off.pop(url))  # type: ignore[misc]
                if not urls and self.endpoints.waiting and (not told or now - told >= SAY_EVERY_S):
                    told = now
                    log.warning("%s; %d request(s) wait", self._source.why_none, self.endpoints.waiting)
            except Unreadable as error:
                if not read and now - began >= NEVER_READ_PATIENCE_S:
                    raise ModelUnavailable(str(error)) from None
                if not warned or now - warned >= SAY_EVERY_S:
                    warned = now
                    log.warning("%s; %s", error, "those known before are asked" if read else "looking again")
            await asyncio.sleep(self._source.every_s or SAY_EVERY_S)

    async def _see_off(self, url: str) -> None:
        """Wait for the last answers of one that has left; hang up on it where none can come."""
        missed = 0
        while (endpoint := self._owing(url)) and missed < LOOKS_MISSED:
            await asyncio.sleep(LOOK_AT_LEFT_S)
            try:
                async with asyncio.timeout(LOOK_TIMEOUT_S):
                    missed = 0 if await self.serves_models(endpoint) else missed + 1
            except TimeoutError:
                missed += 1
        if url not in (listed.url for listed in self.endpoints.listed) and (client := self._clients.pop(url, None)):
            if endpoint := self._owing(url):
                shown = hidden(url, [self._key])
                log.warning("%s has left and answers nothing; its %d request(s) go elsewhere", shown, endpoint.in_flight)
            await client.close()

    def _owing(self, url: str) -> Endpoint | None:
        """The endpoint there, if it has left and owes answers."""
        return next((each for each in self.endpoints.all if each.left and each.in_flight and each.url == url), None)

    async def close(self) -> None:
        tasks = list(self._seen_off.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self._clients.values():
            await client.close()

    def _client(self, url: str) -> openai.AsyncOpenAI:
        if url not in self._clients:
            # The client's own HTTP pool takes longer the more is in flight; its aiohttp one does not. Retries are ours: the
            # client's would not tell a passing fault from a permanent one.
            defaults, most = type(openai.DEFAULT_CONNECTION_LIMITS), self._concurrency
            limits = defaults(max_connections=most, max_keepalive_connections=most)
            self._clients[url] = openai.AsyncOpenAI(
                base_url=url,
                api_key="sent in the header below",  # pragma: allowlist secret
                default_headers={"Authorization": authorization(self._key)},
                max_retries=0,
                timeout=self._timeout_s,
                http_client=openai.DefaultAioHttpClient(limits=limits, timeout=self._timeout_s),
            )
        return self._clients[url]
