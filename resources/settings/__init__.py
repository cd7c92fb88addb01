"""Every setting of the outside world, one typed resource a thing, filled from environment variables by definitions.py.

What belongs here: names, types, defaults and bounds of settings, and how a setting becomes the thing. The things themselves
are in the modules beside; heavy ones are imported only when used, so the code server starts in seconds.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field, field_validator, model_validator

from resources.lake import Lake
from resources.lake.tables import Table
from resources.models.budget import Budget

if TYPE_CHECKING:
    from resources.embedder import Embedder
    from resources.models.api import Teacher
    from resources.sandbox.pool import Pool
    from resources.tokenizer import QwenTokenizer

log = logging.getLogger(__name__)
BUNDLED = "bundled"


class LakeResource(dg.ConfigurableResource[Any]):
    """Where everything written lies."""

    home: str = Field(".ocr", description="OCR_HOME: folder of lake, releases, cache and Dagster's own files")
    catalog: str | None = Field(None, description="OCR_CATALOG: DuckLake catalog instead of SQLite, e.g. postgres:dbname=ocr")
    data_path: str | None = Field(None, description="OCR_DATA_PATH: where data files go instead of the lake folder")
    memory_limit: str = Field("4GB", description="OCR_MEMORY_LIMIT: DuckDB's memory; beyond it spills to disk")

    @property
    def root(self) -> Path:
        return Path(self.home).expanduser().resolve()

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def journals(self) -> Path:
        return self.root / "lake" / "journal"

    def lake(self, tables: Sequence[Table] = (), setup_sql: str = "") -> Lake:
        """The lake, not yet open."""
        return Lake(self.root / "lake", self.catalog, self.data_path, self.memory_limit, tables, setup_sql)


class SourcesResource(dg.ConfigurableResource[Any]):
    """Where each source's rows lie: ``bundled``, a folder, or the Hub (``hub``, ``hub:name@revision``); empty: none."""

    taco: str = Field(BUNDLED, description="OCR_TACO")
    apps: str = Field(BUNDLED, description="OCR_APPS")
    code_contests: str = Field(BUNDLED, description="OCR_CODE_CONTESTS")
    codeforces: str = Field(BUNDLED, description="OCR_CODEFORCES")
    local: str = Field("", description="OCR_LOCAL: a folder of your own problems")
    benchmarks: str = Field(BUNDLED, description="OCR_BENCHMARKS: folder of benchmark files, hub, or bundled")

    def folder(self, dataset: str, bundled: Path, cache: Path) -> Path | None:
        """The folder of a source's files, fetched if it is on the Hub; None if the source is not set."""
        address = str(getattr(self, dataset)).strip()
        if not address:
            return None
        if address == BUNDLED:
            return bundled
        if address == "hub" or address.startswith("hub:"):
            from resources.hub import fetch

            return fetch(dataset, address, cache)
        folder = Path(address).expanduser()
        if not folder.is_dir():
            raise ValueError(
                f"OCR_{dataset.upper()}={address}: no such folder; give a folder of files, {BUNDLED}, hub or nothing"
            )
        return folder

    def fetched(self, address: str, patterns: Sequence[str], cache: Path) -> Path:
        """The folder of a benchmark's files on the Hub (``name`` or ``name@revision``). Raises ``HubUnavailable``."""
        from resources.hub import fetch

        return fetch("benchmarks", f"hub:{address}", cache, patterns)

    @property
    def only_bundled(self) -> bool:
        """Whether every program that may be run was written for this project."""
        names = ("taco", "apps", "code_contests", "codeforces")
        return not self.local and all(str(getattr(self, name)) in (BUNDLED, "") for name in names)


class TeacherResource(dg.ConfigurableResource[Any]):
    """The model that reasons."""

    kind: Literal["recorded", "endpoint", "vllm"] = Field("recorded", description="OCR_TEACHER")
    model: str = Field("deepseek-ai/DeepSeek-R1", description="OCR_TEACHER_MODEL: name, or path for vllm")
    url: str = Field("", description="OCR_TEACHER_URL: base URLs of an OpenAI-compatible server, several by comma")
    api_key: str = Field("none", description="OCR_TEACHER_KEY")
    think: Literal["template", "prefill", "completion", "none"] = Field(
        "template", description="OCR_TEACHER_THINK: how <think> is opened"
    )
    tokenizer: str | None = Field(
        None, description="OCR_TEACHER_TOKENIZER: folder or name whose chat template completion applies; default the model's"
    )
    concurrency: int = Field(64, ge=1, le=4096, description="OCR_TEACHER_CONCURRENCY: requests in flight, at most")
    timeout_s: float = Field(3600, gt=0, description="OCR_TEACHER_TIMEOUT: seconds for one try")
    deadline_s: float | None = Field(
        None, gt=0, description="OCR_TEACHER_DEADLINE: seconds for a request with all its tries and waits; default 4 timeouts"
    )
    max_requests: int | None = Field(None, ge=0, description="OCR_TEACHER_MAX_REQUESTS: of this model, over all runs")
    max_tokens: int | None = Field(None, ge=0, description="OCR_TEACHER_MAX_TOKENS: prompt and completion, over all runs")
    max_cost: float | None = Field(None, ge=0, description="OCR_TEACHER_MAX_COST: US dollars, over all runs; needs prices")
    price_prompt: float = Field(0, ge=0, description="OCR_TEACHER_PRICE_PROMPT: US dollars a million prompt tokens")
    price_completion: float = Field(0, ge=0, description="OCR_TEACHER_PRICE_COMPLETION: US dollars a million completion tokens")
    recordings: str = Field(BUNDLED, description="OCR_RECORDINGS: folder of recorded answers")
    record: str | None = Field(None, description="OCR_TEACHER_RECORD: folder in which to record every answer")
    tensor_parallel: int = Field(1, ge=1, description="OCR_VLLM_TENSOR_PARALLEL")
    max_model_len: int | None = Field(None, description="OCR_VLLM_MAX_MODEL_LEN")
    dtype: str = Field("auto", description="OCR_VLLM_DTYPE")
    engine: str = Field("{}", description="OCR_VLLM_ENGINE: JSON of further engine arguments, such as gpu_memory_utilization")

    @field_validator("engine")
    @classmethod
    def _engine_is_json(cls, value: str) -> str:
        if not isinstance(json.loads(value), dict):
            raise ValueError("must be a JSON object")
        return value

    @model_validator(mode="after")
    def _cost_has_a_price(self) -> TeacherResource:
        if self.max_cost is not None and not self.price_completion:
            raise ValueError("OCR_TEACHER_MAX_COST needs OCR_TEACHER_PRICE_PROMPT and OCR_TEACHER_PRICE_COMPLETION")
        return self

    @property
    def budget(self) -> Budget:
        """What may be asked, used and paid in all."""
        return Budget(self.max_requests, self.max_tokens, self.max_cost, self.price_prompt, self.price_completion)

    def opened(self, bundled: Path) -> Teacher:
        """The teacher. Raises ``TeacherUnavailable`` with the remedy."""
        teacher = self._engine(bundled)
        if self.record is None:
            return teacher
        from resources.models.recorded import RecordingTeacher

        return RecordingTeacher(teacher, Path(self.record))

    def _engine(self, bundled: Path) -> Teacher:
        if self.kind == "recorded":
            from resources.models.recorded import RecordedTeacher

            return RecordedTeacher(bundled if self.recordings == BUNDLED else Path(self.recordings), self.model)
        if self.kind == "endpoint":
            from resources.models.endpoint import EndpointTeacher

            return EndpointTeacher(
                self.model,
                [url.strip() for url in self.url.split(",") if url.strip()],
                self.api_key,
                self.think,
                self.concurrency,
                self.timeout_s,
                deadline_s=self.deadline_s,
                tokenizer=self.tokenizer,
            )
        from resources.models.vllm import VllmTeacher

        return VllmTeacher(
            self.model,
            self.think,
            tensor_parallel_size=self.tensor_parallel,
            max_model_len=self.max_model_len,
            dtype=self.dtype,
            **json.loads(self.engine),
        )


class JudgesResource(dg.ConfigurableResource[Any]):
    """The models that say whether a problem restates a benchmark item."""

    kind: Literal["recorded", "endpoint", "none"] = Field("recorded", description="OCR_JUDGES")
    models: str = Field(
        "meta-llama/Llama-3.3-70B-Instruct,Qwen/Qwen2.5-32B-Instruct", description="OCR_JUDGE_MODELS: names by comma"
    )
    url: str = Field("", description="OCR_JUDGE_URL: base URL of the server (all models), or one a model by comma")
    api_key: str = Field("none", description="OCR_JUDGE_KEY")
    recordings: str = Field(BUNDLED, description="OCR_JUDGE_RECORDINGS: folder of recorded votes")
    threshold: float = Field(0.7, ge=0.5, le=1, description="OCR_CONTAMINATION_THRESHOLD: cosine from which pairs are judged")
    policy: Literal["any_judge", "both_judges", "human", "similarity", "report_only"] = Field(
        "any_judge", description="OCR_CONTAMINATION_POLICY: who confirms a pair"
    )
    prices: str = Field(
        "",
        description="OCR_JUDGE_PRICES: of a million prompt/completion tokens, e.g. 0.12/0.30, one pair or one a judge by comma",
    )
    max_requests: int | None = Field(None, ge=0, description="OCR_JUDGE_MAX_REQUESTS: of all judges, over all runs")
    max_tokens: int | None = Field(None, ge=0, description="OCR_JUDGE_MAX_TOKENS: prompt and completion, over all runs")
    max_cost: float | None = Field(None, ge=0, description="OCR_JUDGE_MAX_COST: US dollars, over all runs; needs prices")

    @model_validator(mode="after")
    def _prices_are_prices(self) -> JudgesResource:
        if self.kind == "none":
            return self
        prices = prices_of(self.prices, self.names)
        if self.max_cost is not None and not all(prices.get(name, (0, 0))[1] for name in self.names):
            raise ValueError("OCR_JUDGE_MAX_COST needs OCR_JUDGE_PRICES of every judge")
        return self

    @property
    def names(self) -> list[str]:
        return [name.strip() for name in self.models.split(",") if name.strip()] if self.kind != "none" else []

    def budget(self, name: str) -> Budget:
        """What all judges together may be asked, use and cost, at the prices of one of them."""
        return Budget(self.max_requests, self.max_tokens, self.max_cost, *prices_of(self.prices, self.names).get(name, (0, 0)))

    def opened(self, name: str, bundled: Path) -> Teacher:
        """One of the judges. Raises ``TeacherUnavailable`` with the remedy."""
        if self.kind == "recorded":
            from resources.models.recorded import RecordedTeacher

            return RecordedTeacher(bundled if self.recordings == BUNDLED else Path(self.recordings), name)
        from resources.models.api import TeacherUnavailable
        from resources.models.endpoint import EndpointTeacher

        urls = [url.strip() for url in self.url.split(",") if url.strip()]
        if not urls:
            raise TeacherUnavailable("no endpoint of the judges is set; give OCR_JUDGE_URL, e.g. http://127.0.0.1:8000/v1")
        own = [urls[self.names.index(name)]] if len(urls) == len(self.names) else urls
        return EndpointTeacher(name, own, self.api_key, "none", 32, 600)


def prices_of(text: str, judges: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Judge → price of a million prompt and completion tokens, from "0.12/0.30,0.10/0.20" (one pair for all, or one each).

    Raises ``ValueError`` naming the setting if it is written otherwise.
    """
    pairs = [part.split("/") for part in text.split(",") if part.strip()]
    if not pairs:
        return {}
    if any(len(pair) != 2 for pair in pairs) or len(pairs) not in (1, len(judges)):
        raise ValueError(f"OCR_JUDGE_PRICES={text}: give prompt/completion prices, one pair for all judges or one each")
    try:
        prices = [(float(prompt), float(completion)) for prompt, completion in pairs]
    except ValueError as error:
        raise ValueError(f"OCR_JUDGE_PRICES={text}: {error}") from error
    return dict(zip(judges, prices * len(judges) if len(prices) == 1 else prices, strict=False))


class EmbedderResource(dg.ConfigurableResource[Any]):
    """The sentence embedding model."""

    model: str = Field("all-MiniLM-L6-v2", description="OCR_EMBEDDER: the bundled one, a path, or a name on the Hub")
    batch: int = Field(64, ge=1, description="OCR_EMBEDDER_BATCH")

    def opened(self, cache: Path) -> Embedder:
        from resources.embedder import Embedder

        return Embedder(self.model, cache / "embeddings", self.batch)


class TokenizerResource(dg.ConfigurableResource[Any]):
    """The tokenizer lengths are counted with."""

    vocabulary: str | None = Field(None, description="OCR_TOKENIZER: a .tiktoken file; default Qwen's, from its PyPI package")

    def opened(self) -> QwenTokenizer:
        from resources.tokenizer import QwenTokenizer

        return QwenTokenizer(Path(self.vocabulary) if self.vocabulary else None)


class SandboxResource(dg.ConfigurableResource[Any]):
    """Where untrusted programs run."""

    kind: Literal["auto", "docker", "process"] = Field(
        "auto", description="OCR_SANDBOX: auto is docker, and process only for the bundled corpus where no engine answers"
    )
    workers: int = Field(0, ge=0, description="OCR_SANDBOX_WORKERS: programs at once; 0: one a core")
    base: str = Field("debian:bookworm-slim", description="OCR_SANDBOX_BASE: base image")
    runtime: str | None = Field(None, description="OCR_SANDBOX_RUNTIME: container runtime, e.g. runsc")
    memory_mb: int = Field(2560, ge=512, description="OCR_SANDBOX_MEMORY: MiB of a container; bounds every memory limit")
    recycle_after: int = Field(1000, ge=1, description="OCR_SANDBOX_RECYCLE: programs after which a container is replaced")
    engine_wait_s: float = Field(120, ge=0, description="OCR_SANDBOX_ENGINE_WAIT: seconds a restarting engine is waited for")

    def opened(self, *, trusted: bool = False) -> Pool:
        """The pool, not yet started. ``trusted``: all programs are this project's own. Raises ``SandboxUnavailable``."""
        from resources.sandbox.api import SandboxUnavailable
        from resources.sandbox.docker_pool import DockerSandbox
        from resources.sandbox.images import REMEDY, engine_answers
        from resources.sandbox.process import ProcessSandbox

        if self.kind != "process" and engine_answers():
            return DockerSandbox(
                self.workers or None,
                self.base,
                self.runtime,
                self.memory_mb,
                self.recycle_after,
                engine_wait_s=self.engine_wait_s,
            )
        if self.kind == "docker" or (self.kind == "auto" and not trusted):
            raise SandboxUnavailable(
                f"no Docker engine answers, and these programs are not ours to trust; {REMEDY}; "
                "or set OCR_SANDBOX=process to run them as this user WITHOUT isolation"
            )
        log.warning("NO ISOLATION: programs run as local processes under rlimits only (OCR_SANDBOX=%s); %s", self.kind, REMEDY)
        return ProcessSandbox(self.workers or None, self.recycle_after)


_PREFIXES = {
    "OCR_HOME": ("lake", "home"), "OCR_CATALOG": ("lake", "catalog"), "OCR_DATA_PATH": ("lake", "data_path"),
    "OCR_MEMORY_LIMIT": ("lake", "memory_limit"), "OCR_TACO": ("sources", "taco"), "OCR_APPS": ("sources", "apps"),
    "OCR_CODE_CONTESTS": ("sources", "code_contests"), "OCR_CODEFORCES": ("sources", "codeforces"),
    "OCR_LOCAL": ("sources", "local"), "OCR_BENCHMARKS": ("sources", "benchmarks"), "OCR_TEACHER": ("teacher", "kind"),
    "OCR_TEACHER_MODEL": ("teacher", "model"), "OCR_TEACHER_URL": ("teacher", "url"), "OCR_TEACHER_KEY": ("teacher", "api_key"),
    "OCR_TEACHER_THINK": ("teacher", "think"), "OCR_TEACHER_CONCURRENCY": ("teacher", "concurrency"),
    "OCR_TEACHER_TIMEOUT": ("teacher", "timeout_s"), "OCR_RECORDINGS": ("teacher", "recordings"),
    "OCR_TEACHER_RECORD": ("teacher", "record"), "OCR_TEACHER_TOKENIZER": ("teacher", "tokenizer"),
    "OCR_TEACHER_DEADLINE": ("teacher", "deadline_s"), "OCR_TEACHER_MAX_REQUESTS": ("teacher", "max_requests"),
    "OCR_TEACHER_MAX_TOKENS": ("teacher", "max_tokens"), "OCR_TEACHER_MAX_COST": ("teacher", "max_cost"),
    "OCR_TEACHER_PRICE_PROMPT": ("teacher", "price_prompt"),
    "OCR_TEACHER_PRICE_COMPLETION": ("teacher", "price_completion"), "OCR_VLLM_ENGINE": ("teacher", "engine"),
    "OCR_VLLM_TENSOR_PARALLEL": ("teacher", "tensor_parallel"), "OCR_VLLM_MAX_MODEL_LEN": ("teacher", "max_model_len"),
    "OCR_VLLM_DTYPE": ("teacher", "dtype"), "OCR_JUDGES": ("judges", "kind"), "OCR_JUDGE_MODELS": ("judges", "models"),
    "OCR_JUDGE_URL": ("judges", "url"), "OCR_JUDGE_KEY": ("judges", "api_key"),
    "OCR_JUDGE_PRICES": ("judges", "prices"), "OCR_JUDGE_MAX_REQUESTS": ("judges", "max_requests"),
    "OCR_JUDGE_MAX_TOKENS": ("judges", "max_tokens"), "OCR_JUDGE_MAX_COST": ("judges", "max_cost"),
    "OCR_CONTAMINATION_POLICY": ("judges", "policy"),
    "OCR_JUDGE_RECORDINGS": ("judges", "recordings"), "OCR_CONTAMINATION_THRESHOLD": ("judges", "threshold"),
    "OCR_EMBEDDER": ("embedder", "model"), "OCR_EMBEDDER_BATCH": ("embedder", "batch"),
    "OCR_TOKENIZER": ("tokenizer", "vocabulary"), "OCR_SANDBOX": ("sandbox", "kind"),
    "OCR_SANDBOX_WORKERS": ("sandbox", "workers"), "OCR_SANDBOX_BASE": ("sandbox", "base"),
    "OCR_SANDBOX_RUNTIME": ("sandbox", "runtime"), "OCR_SANDBOX_MEMORY": ("sandbox", "memory_mb"),
    "OCR_SANDBOX_RECYCLE": ("sandbox", "recycle_after"), "OCR_SANDBOX_ENGINE_WAIT": ("sandbox", "engine_wait_s"),
}  # fmt: skip
_RESOURCES: dict[str, type[dg.ConfigurableResource[Any]]] = {
    "lake": LakeResource,
    "sources": SourcesResource,
    "teacher": TeacherResource,
    "judges": JudgesResource,
    "embedder": EmbedderResource,
    "tokenizer": TokenizerResource,
    "sandbox": SandboxResource,
}


def resources_from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, dg.ConfigurableResource[Any]]:
    """All resources, each field from its variable where that is set. Raises ``ValueError`` naming the variable that is wrong."""
    from pydantic import ValidationError

    given: dict[str, dict[str, str]] = {name: {} for name in _RESOURCES}
    for variable, (resource, name) in _PREFIXES.items():
        if environment.get(variable):
            given[resource][name] = environment[variable]
    built = {}
    for name, kind in _RESOURCES.items():
        try:
            built[name] = kind(**given[name])
        except ValidationError as error:
            variables = {names: variable for variable, names in _PREFIXES.items()}
            faults = "; ".join(
                f"{variables[(name, str(fault['loc'][0]))]}={fault['input']!r}: {fault['msg']}" if fault["loc"] else fault["msg"]
                for fault in error.errors()
            )
            raise ValueError(f"wrong setting: {faults}") from error
    return built
