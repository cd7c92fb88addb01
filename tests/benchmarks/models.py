"""The teacher's part of ``make bench``: planning, the endpoint client, and the pipeline around vLLM. Figures, no test.

``python -m tests.benchmarks.models [planning] [client] [memory] [pipeline]``. Each comparison is taken in one run.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from ocr_assets.generation.prompts import load_templates, prompt_hash
from ocr_assets.generation.prompts.solving import NAMES, solution_prompt
from ocr_assets.generation.sampling import Fixed
from ocr_assets.platform.lake import project_lake
from ocr_assets.traces import collect
from ocr_assets.traces.plan import Wanted, plan
from resources.lake import Lake, RunInfo
from resources.lake.journal import Journal
from resources.models.api import ChatRequest, Sampling
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel
from tests.support import rows, tiny_model

PROBLEMS, PYTHON, WITH_CPP = 28_904, 25, 14_112  # 28,904 × 25 Python and 14,112 C++ responses: OpenCodeReasoning's 736,712


def peak_mb() -> float:
    """The most memory this process held. (``ru_maxrss`` would count what its parent held when it forked.)"""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def problem(number: int) -> dict:
    """Only stdin problems are asked in C++."""
    return rows.problem(number, entry_point=None if number < WITH_CPP else "solve")


WANTED = ({"python": Fixed(PYTHON), "cpp": Fixed(1)}, Sampling(), "deepseek-ai/DeepSeek-R1")


def planning() -> None:
    """736,712 requests against a lake that holds all but 1 %."""
    with tempfile.TemporaryDirectory() as folder:
        with project_lake(Path(folder)) as store:
            with store.write(RunInfo("bench"), "bench") as write:
                rows.put_problems(write, (problem(number) for number in range(PROBLEMS)))
            fill(store, Wanted(*WANTED, load_templates(NAMES)))
        in_own_process(_plan, folder)


def _plan(folder: str) -> None:
    with project_lake(Path(folder)) as store:
        before, start = peak_mb(), time.perf_counter()
        with plan(store, Wanted(*WANTED, load_templates(NAMES))) as todo:
            planned, asked = time.perf_counter() - start, sum(1 for _ in todo.requests)
        seconds = time.perf_counter() - start
        assert asked == todo.missing
        print(
            f"planning {todo.wanted:,} requests, {asked:,} missing: {planned:.1f} s to the first request, {seconds:.1f} s in all; "
            f"memory at most {before:,.0f} -> {peak_mb():,.0f} MiB"
        )


def in_own_process(work: Callable[..., None], *arguments: object) -> None:
    """What one part leaves behind is no other's burden."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__} failed")


def fill(store: Lake, wanted: Wanted) -> None:
    """All responses but every hundredth, short ones, straight into the table."""
    import pyarrow as pa

    prompts: dict[str, list] = {"problem_id": [], "language": [], "template_hash": [], "prompt_hash": [], "samples": []}
    for number in range(PROBLEMS):
        row = problem(number)
        for language, samples in (("python", PYTHON), ("cpp", 1 if number < WITH_CPP else 0)):
            if not samples:
                continue
            template = wanted.templates[
                "cpp_stdin" if language == "cpp" else "python_call" if row["entry_point"] else "python_stdin"
            ]
            values = (row["problem_id"], language, template.hash, prompt_hash(solution_prompt(template, row)), samples)
            for name, value in zip(prompts, values, strict=True):
                prompts[name].append(value)
    with store.cursor() as cursor:
        cursor.register("prompts_held", pa.table(prompts))
        cursor.execute(
            """
            INSERT INTO lake.r1_traces BY NAME
            SELECT 'resp_' || left(md5(prompt_hash || language || i), 20) AS response_id, problem_id, language,
                   i AS sample_index, 'x' AS template, template_hash, prompt_hash, $model AS model, 'endpoint' AS teacher,
                   'template' AS think_mode, 'closing_tag' AS think_form, $sampling AS sampling,
                   repeat('thought ', 50) || md5(prompt_hash || i) AS content, 'server' AS tokens_from, 1 AS attempts,
                   now() AS created_at, 10 AS prompt_tokens, 100 AS completion_tokens
            FROM (SELECT *, unnest(range(samples)) AS i FROM prompts_held)
            WHERE hash(prompt_hash, i) % 100 <> 0
            """,
            {"model": wanted.model, "sampling": wanted.sampling_json},
        )


class _Fast(asyncio.Protocol):
    """A server of one fixed answer, as fast as Python serves: what is measured is the client."""

    TEXT = json.dumps({
        "id": "x", "object": "chat.completion", "created": 0, "model": "r1", "usage": {"prompt_tokens": 400, "completion_tokens": 300},
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "so </think> x " * 100}}],
    }).encode()  # fmt: skip
    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(TEXT) + TEXT

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.held = transport, b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            head = self.held[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self.held) < end + 4 + length:
                return
            self.held = self.held[end + 4 + length :]
            self.transport.write(self.ANSWER)  # type: ignore[attr-defined]


def _serve(port: "multiprocessing.Queue[int]") -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Fast, "127.0.0.1", 0, backlog=4096)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def with_server(work: Callable[[str], None]) -> None:
    """``work(base_url)`` with the fast server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue[int] = context.Queue()  # type: ignore[assignment]
    process = context.Process(target=_serve, args=(port,), daemon=True)
    process.start()
    try:
        work(f"http://127.0.0.1:{port.get(timeout=60)}/v1")
    finally:
        process.terminate()


def requests(count: int) -> Iterator[ChatRequest]:
    text = "Given are n numbers and q questions about them. " * 30
    for number in range(count):
        yield ChatRequest(f"k{number}", [{"role": "user", "content": f"{number}. {text}"}], Sampling(), number, True)


def client() -> None:
    """The endpoint teacher beside the plain client in a gather loop: requests a second, CPU a request."""
    import openai

    async def teacher(url: str, count: int, concurrency: int) -> None:
        got = 0
        async for _ in EndpointModel("r1", [url], concurrency=concurrency).answer(requests(count)):
            got += 1
        assert got == count

    async def plain(url: str, count: int, concurrency: int, http_client: object = None) -> None:
        room = asyncio.Semaphore(concurrency)
        async with openai.AsyncOpenAI(base_url=url, api_key="x", max_retries=0, http_client=http_client) as api:  # type: ignore[arg-type]

            async def one(request: ChatRequest) -> None:
                async with room:
                    await api.chat.completions.create(
                        model="r1", messages=request.messages, temperature=0.6, top_p=0.95, max_tokens=16_384, seed=request.seed  # type: ignore[arg-type]
                    )  # fmt: skip

            await asyncio.gather(*(one(request) for request in requests(count)))

    def plain_aiohttp(url: str, count: int, concurrency: int) -> Awaitable[None]:
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=concurrency, max_keepalive_connections=concurrency)
        return plain(url, count, concurrency, openai.DefaultAioHttpClient(limits=limits))

    async def timed(work: Awaitable[None], count: int) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        await work
        return count / (time.perf_counter() - wall), (time.process_time() - cpu) / count * 1000

    def measure(url: str) -> None:
        for concurrency in (256, 512, 1024):
            rates: dict[str, list[tuple[float, float]]] = {}
            for _ in range(3):
                for name, work in (("teacher", teacher), ("openai", plain), ("openai, aiohttp", plain_aiohttp)):
                    count = 3 * concurrency if name == "openai" else 3000
                    rates.setdefault(name, []).append(asyncio.run(timed(work(url, count, concurrency), count)))
            best = {
                name: (statistics.median(r for r, _ in found), statistics.median(c for _, c in found))
                for name, found in rates.items()
            }
            ours = best["teacher"]
            for name, (rate, cpu) in best.items():
                print(
                    f"client, {concurrency:4} in flight, {name:<16} {rate:7.0f} requests/s, {cpu:6.2f} ms CPU a request; "
                    f"teacher/this: {ours[0] / rate:.2f} in rate, {ours[1] / cpu:.2f} in CPU"
                )

    with_server(measure)


def memory() -> None:
    """Memory over 100,000 requests."""

    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def ask(url: str) -> None:
        seen, held = 0, []
        start = time.perf_counter()
        async for _ in EndpointModel("r1", [url], concurrency=512).answer(requests(100_000)):
            seen += 1
            if seen % 10_000 == 0:
                held.append(round(resident_mb()))
        print(
            f"memory over 100,000 requests at 512 in flight: MiB after each 10,000: {held}; "
            f"{100_000 / (time.perf_counter() - start):,.0f} requests/s"
        )

    with_server(lambda url: asyncio.run(ask(url)))


def pipeline() -> None:
    """Tokens a second through plan, request loop, journal and lake over those of vLLM's own offline batch call, same engine."""
    os.environ.update(tiny_model.ENVIRONMENT)
    from vllm import SamplingParams

    from resources.models.chat_template import render
    from resources.models.vllm import VllmModel

    problems, samples, length, rounds = 100, 4, 96, 3
    with tempfile.TemporaryDirectory() as folder:
        model = tiny_model.make(Path(folder) / "model", hidden=512, layers=6)
        teacher = VllmModel(str(model), **tiny_model.ENGINE, max_num_seqs=64)
        wanted = Wanted({"python": Fixed(samples)}, Sampling(max_tokens=length), "tiny", load_templates(NAMES))
        ours, theirs = [], []
        for number in range(rounds + 1):
            home = Path(folder) / str(number)
            with project_lake(home / "lake") as store, Journal(home, "r1_traces") as journal:
                with store.write(RunInfo("bench"), "clean_problems") as write:
                    statements = [f"Round {number}, problem {n}: print n numbers." for n in range(problems)]
                    rows.put_problems(write, [rows.problem(n, statement=text) for n, text in enumerate(statements)])
                with plan(store, wanted) as todo:
                    asked = [item.request for item in todo.requests]
                tokenizer = teacher.llm.get_tokenizer()
                texts = [render(tokenizer, request.messages, "template")[0] for request in asked]
                params = [SamplingParams(temperature=0.6, top_p=0.95, max_tokens=length, seed=r.seed) for r in asked]
                # Prompts it has just seen would be read from the engine's cache: the batch call gets its own.
                texts = [text.replace("Round", "Batch") for text in texts]

                def batch(texts: list[str] = texts, params: list[SamplingParams] = params) -> float:
                    start = time.perf_counter()
                    outputs = teacher.llm.generate(texts, params, use_tqdm=False)
                    return sum(len(output.outputs[0].token_ids) for output in outputs) / (time.perf_counter() - start)

                def through(store: Lake = store, journal: Journal = journal) -> float:
                    start = time.perf_counter()
                    done = collect.ask(
                        store, RunInfo("bench"), journal, teacher, wanted, Budget(), lambda given: [0] * len(given),
                        lambda line: None, lambda figures: None,
                    )  # fmt: skip
                    seconds = time.perf_counter() - start
                    assert done.left == 0
                    print(f"  from plan to lake {seconds:.1f} s, of which asking {done.tally.asking_s:.1f} s", file=sys.stderr)
                    return done.tally.completion_tokens / seconds

                # In turn, so that neither always comes first.
                pair = (batch(), through()) if number % 2 else (through(), batch())[::-1]
                if number:  # the first round warms up
                    theirs.append(pair[0])
                    ours.append(pair[1])
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        print(
            f"pipeline: {statistics.median(ours):,.0f} tokens/s from plan to lake, vLLM's own batch call "
            f"{statistics.median(theirs):,.0f}; ratio {statistics.median(ratios):.3f} (rounds: "
            + ", ".join(f"{ratio:.3f}" for ratio in ratios) + ")"
        )  # fmt: skip


PARTS = {"planning": planning, "client": client, "memory": memory, "pipeline": pipeline}


def main(names: list[str] | None = None) -> None:
    """Run all parts, or the named ones."""
    for name in names or list(PARTS):
        in_own_process(PARTS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
