"""Which models are evaluated, and on which benchmarks' files. The models themselves are ``resources/models``; how benchmarks are
read is ``ocr_assets/evaluation``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from resources.models.budget import Budget
from resources.secrets import EVALUATED_KEY, LIST_KEY
from resources.settings.base import Settings
from resources.settings.models import URLS, json_object, prices_of, recording
from resources.settings.sources import BUNDLED

if TYPE_CHECKING:
    from resources.models.api import ChatModel

MIX = "mix:"  # a name that begins so is the model that was trained on that mix


class EvaluatedResource(Settings):
    """The models under evaluation. Their server's key is read from ``OCR_EVALUATED_KEY`` when it is needed, and shown nowhere."""

    section: ClassVar[str] = "evaluated"
    kind: Literal["recorded", "endpoint", "vllm", "transformers", "none"] = Field(
        "recorded",
        description="recorded answers, an OpenAI-compatible endpoint, vllm in process, transformers in process (small models), "
        "or none",
        json_schema_extra={"env": "OCR_EVALUATED"},
    )
    models: str = Field(
        "sample-small,sample-large",
        description="Names by comma; for vllm and transformers names on the Hub, folders, NAME=FOLDER, or mix:NAME for the model "
        "that was trained on that mix",
        json_schema_extra={"env": "OCR_EVALUATED_MODELS"},
    )
    url: str = Field(
        "",
        description=URLS + "OCR_EVALUATED_KEY",
        json_schema_extra={"env": "OCR_EVALUATED_URL", "path": "lists"},
    )
    think: Literal["template", "prefill", "completion", "none"] = Field(
        "none",
        description="How <think> is opened, as for the teacher; none: the model does so itself, or does not reason",
        json_schema_extra={"env": "OCR_EVALUATED_THINK"},
    )
    concurrency: int = Field(
        64, ge=1, le=4096, description="Requests in flight, at most", json_schema_extra={"env": "OCR_EVALUATED_CONCURRENCY"}
    )
    timeout_s: float = Field(3600, gt=0, description="Seconds for one try", json_schema_extra={"env": "OCR_EVALUATED_TIMEOUT"})
    max_requests: int | None = Field(
        None, ge=0, description="Requests to a model over all runs", json_schema_extra={"env": "OCR_EVALUATED_MAX_REQUESTS"}
    )
    max_tokens: int | None = Field(
        None,
        ge=0,
        description="Prompt and completion tokens of a model over all runs",
        json_schema_extra={"env": "OCR_EVALUATED_MAX_TOKENS"},
    )
    max_cost: float | None = Field(
        None,
        ge=0,
        description="US dollars of a model over all runs; needs prices",
        json_schema_extra={"env": "OCR_EVALUATED_MAX_COST"},
    )
    prices: str = Field(
        "",
        description="US dollars a million prompt/completion tokens, e.g. 0.12/0.30, one pair or one a model by comma",
        json_schema_extra={"env": "OCR_EVALUATED_PRICES"},
    )
    recordings: str = Field(
        BUNDLED, description="Folder of recorded answers", json_schema_extra={"env": "OCR_EVALUATED_RECORDINGS", "path": True}
    )
    record: str | None = Field(
        None,
        description="Folder in which to record every answer",
        json_schema_extra={"env": "OCR_EVALUATED_RECORD", "path": True},
    )
    engine: str = Field(
        "{}",
        description="vllm: JSON of engine arguments, such as tensor_parallel_size, max_model_len, dtype",
        json_schema_extra={"env": "OCR_EVALUATED_ENGINE"},
    )

    @field_validator("engine")
    @classmethod
    def _engine_is_json(cls, value: str) -> str:
        return json_object(value)

    @model_validator(mode="after")
    def _prices_are_prices(self) -> EvaluatedResource:
        prices = prices_of(self.prices, self.names, "OCR_EVALUATED_PRICES")
        if self.max_cost is not None and not all(prices.get(name, (0, 0))[1] for name in self.names):
            raise ValueError("OCR_EVALUATED_MAX_COST needs OCR_EVALUATED_PRICES of every model")
        return self

    @property
    def names(self) -> list[str]:
        """The models, in the order given."""
        return list(self._named) if self.kind != "none" else []

    @property
    def _named(self) -> dict[str, str]:
        parts = [name.strip().partition("=") for name in self.models.split(",") if name.strip()]
        return {name.strip(): folder.strip() for name, _, folder in parts}

    def folder(self, name: str) -> Path | None:
        """Where a model's weights lie, if the setting says so."""
        return Path(folder).expanduser() if (folder := self._named.get(name)) else None

    @property
    def only_bundled(self) -> bool:
        """Whether every answer was written for this project."""
        return self.kind == "none" or (self.kind == "recorded" and self.recordings == BUNDLED)

    def budget(self, name: str) -> Budget:
        """What one of the models may be asked, use and cost in all."""
        prices = prices_of(self.prices, self.names, "OCR_EVALUATED_PRICES").get(name, (0, 0))
        return Budget(self.max_requests, self.max_tokens, self.max_cost, *prices)

    def opened(self, name: str, bundled: Path, folder: Path | None = None) -> ChatModel:
        """One of the models, under its name. ``bundled``: the folder of recordings that ``bundled`` means. ``folder``: of its
        weights, where the name is none that the engine knows. Raises ``ModelUnavailable``."""
        return recording(self._engine(name, bundled, folder), self.record)

    def _engine(self, name: str, bundled: Path, folder: Path | None) -> ChatModel:
        if self.kind == "recorded":
            from resources.models.recorded import RecordedModel

            return RecordedModel(bundled if self.recordings == BUNDLED else Path(self.recordings), name)
        if self.kind == "endpoint":
            from resources.models.addresses import Addresses
            from resources.models.endpoint import EndpointModel

            urls = Addresses(self.url, LIST_KEY.read())
            return EndpointModel(name, urls, EVALUATED_KEY.read(), self.think, self.concurrency, self.timeout_s)
        # A model trained here has seen an empty system turn in every example.
        weights, ours = str(folder) if folder is not None else name, name.startswith(MIX)
        if self.kind == "transformers":
            from resources.models.transformers_model import TransformersModel

            return TransformersModel(weights, self.think, called=name, empty_system=ours)
        from resources.models.vllm import VllmModel

        return VllmModel(weights, self.think, called=name, empty_system=ours, **json.loads(self.engine))


class BenchmarksResource(Settings):
    """Where the benchmarks' published files lie."""

    section: ClassVar[str] = "benchmarks"
    files: str = Field(
        BUNDLED,
        description="Folder with a folder of files for each benchmark under its name (livecodebench …), hub, or bundled",
        json_schema_extra={"env": "OCR_EVALUATION_BENCHMARKS", "path": True},
    )
    names: str = Field(
        "",
        description="Benchmarks by comma; without it all whose folder is there. hub fetches those named here",
        json_schema_extra={"env": "OCR_EVALUATION_NAMES"},
    )
    select: str = Field(
        "{}",
        description='JSON: which problems, e.g. {"livecodebench": {"version": "release_v5", "since": "2024-08-01"}}',
        json_schema_extra={"env": "OCR_EVALUATION_SELECT"},
    )

    @field_validator("select")
    @classmethod
    def _select_is_json(cls, value: str) -> str:
        chosen = json.loads(value)
        if not isinstance(chosen, dict) or not all(isinstance(part, dict) for part in chosen.values()):
            raise ValueError("give a JSON object with an object a benchmark")
        return value

    @model_validator(mode="after")
    def _hub_wants_names(self) -> BenchmarksResource:
        if self.files == "hub" and not self.chosen:
            raise ValueError("OCR_EVALUATION_BENCHMARKS=hub needs OCR_EVALUATION_NAMES: benchmarks are gigabytes")
        return self

    @property
    def chosen(self) -> list[str]:
        """The benchmarks named; none: all that are there."""
        return [name.strip() for name in self.names.split(",") if name.strip()]

    def selection(self, benchmark: str) -> dict[str, Any]:
        """Which of its problems are wanted, as given."""
        return dict(json.loads(self.select).get(benchmark, {}))

    @property
    def only_bundled(self) -> bool:
        """Whether all problems are those written for this project."""
        return self.files.strip() == BUNDLED

    def folder(self, bundled: Path) -> Path | None:
        """The folder of all; None: the Hub. Raises ``ValueError`` naming the setting."""
        if self.only_bundled:
            return bundled
        if self.files == "hub":
            return None
        folder = Path(self.files.strip()).expanduser()
        if not folder.is_dir():
            raise ValueError(f"OCR_EVALUATION_BENCHMARKS={self.files}: no such folder; give a folder, hub or {BUNDLED}")
        return folder

    def fetched(self, address: str, patterns: tuple[str, ...], cache: Path) -> Path:
        """The folder of a benchmark's files on the Hub. Raises ``HubUnavailable``."""
        from resources.hub import fetch

        return fetch("benchmarks", f"hub:{address}", cache, patterns)
