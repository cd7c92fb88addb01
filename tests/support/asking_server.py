"""``python -m tests.support.asking_server FOLDER FAKE``: asks a server that it starts itself, without end. To be killed."""

import asyncio
import signal
import sys
from pathlib import Path

from resources.models.api import ChatRequest, Sampling
from resources.models.endpoint import EndpointModel
from resources.models.server import server


async def main(folder: Path, fake: str) -> None:
    ours = server("r1", [sys.executable, fake, str(folder), "r1", "{port}"], folder / "logs", 60)
    requests = (ChatRequest(f"k{n}", [{"role": "user", "content": "q"}], Sampling(), n) for n in range(10**6))
    async for _ in EndpointModel("r1", ours, ours.key, concurrency=4).answer(requests):
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whoever started us may ignore it, and what is ignored is inherited
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
