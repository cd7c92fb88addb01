"""Which chat models play the roles of *teacher* and *judge*. The models themselves are ``resources/models``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from resources.models.budget import Budget
from resources.secrets import JUDGE_KEY, LIST_KEY, TEACHER_KEY
from resources.settings.base import Settings
from resources.settings.sources import BUNDLED

if TYPE_CHECKING:
    from resources.models.api import ChatModel
    from resources.models.server import Server

# Said of each role's URLs; the name of its key follows.
URLS = (
    "Base URLs of OpenAI-compatible servers, several by comma; list:FILE, list:FOLDER or list:https://… is a list of them that "
    "is read again while requests are in flight; keys and passwords belong in "
)


class TeacherResource(Settings):
    """The model that reasons. Its server's key is read from ``OCR_TEACHER_KEY`` when the model is opened, and shown nowhere."""

    section: ClassVar[str] = "teacher"
    kind: Literal["recorded", "endpoint", "vllm", "server", "published"] = Field(
        "recorded",
        description="recorded answers, an OpenAI-compatible endpoint, vllm in process (pip install 'ocr-assets[vllm]'), a server "
        "that is started on this machine and ends with the run, or published: those that others released, which OCR_PUBLISHED "
        "names (all stages but r1_traces: recorded)",
        json_schema_extra={"env": "OCR_TEACHER"},
    )
    model: str = Field(
        "deepseek-ai/DeepSeek-R1",
        description="Name, or path for vllm",
        json_schema_extra={"env": "OCR_TEACHER_MODEL", "path": "or name"},
    )
    url: str = Field(
        "",
        description=URLS + "OCR_TEACHER_KEY",
        json_schema_extra={"env": "OCR_TEACHER_URL", "path": "lists"},
    )
    think: Literal["template", "prefill", "completion", "none"] = Field(
        "template",
        description="How <think> is opened: by the server's chat template, by an assistant turn to be continued (prefill), by a "
        "raw completion with the template applied here, or not at all",
        json_schema_extra={"env": "OCR_TEACHER_THINK"},
    )
    tokenizer: str | None = Field(
        None,
        description="Folder or name whose chat template completion applies; default the model's",
        json_schema_extra={"env": "OCR_TEACHER_TOKENIZER", "path": "or name"},
    )
    concurrency: int = Field(
        64, ge=1, le=4096, description="Requests in flight, at most", json_schema_extra={"env": "OCR_TEACHER_CONCURRENCY"}
    )
    concurrency_each: int | None = Field(
        None,
        ge=1,
        description="Requests in flight at one endpoint, at most; default all of them",
        json_schema_extra={"env": "OCR_TEACHER_CONCURRENCY_EACH"},
    )
    timeout_s: float = Field(3600, gt=0, description="Seconds for one try", json_schema_extra={"env": "OCR_TEACHER_TIMEOUT"})
    deadline_s: float | None = Field(
        None,
        gt=0,
        description="Seconds for a request with all its tries and waits; default 4 timeouts",
        json_schema_extra={"env": "OCR_TEACHER_DEADLINE"},
    )
    max_requests: int | None = Field(
        None, ge=0, description="Requests to this model over all runs", json_schema_extra={"env": "OCR_TEACHER_MAX_REQUESTS"}
    )
    max_tokens: int | None = Field(
        None,
        ge=0,
        description="Prompt and completion tokens of this model over all runs",
        json_schema_extra={"env": "OCR_TEACHER_MAX_TOKENS"},
    )
    max_cost: float | None = Field(
        None, ge=0, description="US dollars over all runs; needs prices", json_schema_extra={"env": "OCR_TEACHER_MAX_COST"}
    )
    price_prompt: float = Field(
        0, ge=0, description="US dollars a million prompt tokens", json_schema_extra={"env": "OCR_TEACHER_PRICE_PROMPT"}
    )
    price_completion: float = Field(
        0, ge=0, description="US dollars a million completion tokens", json_schema_extra={"env": "OCR_TEACHER_PRICE_COMPLETION"}
    )
    recordings: str = Field(
        BUNDLED, description="Folder of recorded answers", json_schema_extra={"env": "OCR_RECORDINGS", "path": True}
    )
    record: str | None = Field(
        None, description="Folder in which to record every answer", json_schema_extra={"env": "OCR_TEACHER_RECORD", "path": True}
    )
    tensor_parallel: int = Field(
        1,
        ge=1,
        description="vllm, server: GPUs over which the model is spread",
        json_schema_extra={"env": "OCR_VLLM_TENSOR_PARALLEL"},
    )
    data_parallel: int = Field(
        1,
        ge=1,
        description="server: copies of the model, each on so many GPUs",
        json_schema_extra={"env": "OCR_VLLM_DATA_PARALLEL"},
    )
    max_model_len: int | None = Field(
        None,
        ge=1,
        description="vllm, server: tokens of prompt and answer together",
        json_schema_extra={"env": "OCR_VLLM_MAX_MODEL_LEN"},
    )
    dtype: str = Field("auto", description="vllm, server: type of the weights", json_schema_extra={"env": "OCR_VLLM_DTYPE"})
    engine: str = Field(
        "{}",
        description="vllm, server: JSON of further engine arguments, such as gpu_memory_utilization",
        json_schema_extra={"env": "OCR_VLLM_ENGINE"},
    )
    server_command: str = Field(
        "",
        description="server: the command instead of `vllm serve`, which OCR_VLLM_… then leave alone; {model}, {host}, {port}, "
        "{tensor_parallel} and {data_parallel} are filled in, e.g. python -m sglang.launch_server --model-path {model} "
        "--host {host} --port {port} --tp-size {tensor_parallel} --dp-size {data_parallel}",
        json_schema_extra={"env": "OCR_SERVER_COMMAND"},
    )
    server_start_s: float = Field(
        1800, gt=0, description="server: seconds it may take until it is ready", json_schema_extra={"env": "OCR_SERVER_START"}
    )

    @field_validator("engine")
    @classmethod
    def _engine_is_json(cls, value: str) -> str:
        return json_object(value)

    @field_validator("server_command")
    @classmethod
    def _command_has_a_port(cls, value: str) -> str:
        if value.strip() and "{port}" not in value:
            raise ValueError("say {port} where the server is told its port")
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

    def opened(self, bundled: Path) -> ChatModel:
        """The teacher. ``bundled``: the folder of recordings that ``bundled`` means. Raises ``ModelUnavailable``."""
        return recording(self._engine(bundled), self.record)

    def _engine(self, bundled: Path) -> ChatModel:
        if self.kind in ("recorded", "published"):  # published answers are read by r1_traces itself; other stages replay
            from resources.models.recorded import RecordedModel

            return RecordedModel(bundled if self.recordings == BUNDLED else Path(self.recordings), self.model)
        if self.kind in ("endpoint", "server"):
            from resources.models.addresses import Addresses
            from resources.models.endpoint import EndpointModel

            server = self._server() if self.kind == "server" else None
            return EndpointModel(
                self.model,
                server or Addresses(self.url, LIST_KEY.read()),
                server.key if server else TEACHER_KEY.read(),
                self.think,
                self.concurrency,
                self.timeout_s,
                deadline_s=self.deadline_s,
                tokenizer=self.tokenizer,
                each=self.concurrency_each,
            )
        from resources.models.vllm import VllmModel

        return VllmModel(
            self.model,
            self.think,
            tensor_parallel_size=self.tensor_parallel,
            max_model_len=self.max_model_len,
            dtype=self.dtype,
            **json.loads(self.engine),
        )

    def _server(self) -> Server:
        from resources.models.server import own_command, server, vllm_command
        from resources.settings.environment import from_environment
        from resources.settings.lake import LakeResource

        if self.server_command.strip():
            command = own_command(self.server_command, self.model, self.tensor_parallel, self.data_parallel)
        else:
            engine = {"max_model_len": self.max_model_len, "dtype": self.dtype, **json.loads(self.engine)}
            command = vllm_command(self.model, self.tensor_parallel, self.data_parallel, engine)
        return server(self.model, command, from_environment(LakeResource).root / "logs", self.server_start_s)


class JudgesResource(Settings):
    """The models that say whether a problem restates a benchmark item. Their server's key is read from ``OCR_JUDGE_KEY`` when
    one is opened, and shown nowhere."""

    section: ClassVar[str] = "judges"
    kind: Literal["recorded", "endpoint", "none"] = Field(
        "recorded",
        description="recorded votes, an OpenAI-compatible endpoint, or none",
        json_schema_extra={"env": "OCR_JUDGES"},
    )
    models: str = Field(
        "meta-llama/Llama-3.3-70B-Instruct,Qwen/Qwen2.5-32B-Instruct",
        description="Names by comma",
        json_schema_extra={"env": "OCR_JUDGE_MODELS"},
    )
    url: str = Field(
        "",
        description="Base URL of the server (all models), or one a model by comma; list:FILE or list:URL as for the teacher; "
        "passwords belong in OCR_JUDGE_KEY",
        json_schema_extra={"env": "OCR_JUDGE_URL", "path": "lists"},
    )
    recordings: str = Field(
        BUNDLED, description="Folder of recorded votes", json_schema_extra={"env": "OCR_JUDGE_RECORDINGS", "path": True}
    )
    prices: str = Field(
        "",
        description="US dollars a million prompt/completion tokens, e.g. 0.12/0.30, one pair or one a judge by comma",
        json_schema_extra={"env": "OCR_JUDGE_PRICES"},
    )
    max_requests: int | None = Field(
        None, ge=0, description="Requests to all judges over all runs", json_schema_extra={"env": "OCR_JUDGE_MAX_REQUESTS"}
    )
    max_tokens: int | None = Field(
        None,
        ge=0,
        description="Prompt and completion tokens of all judges over all runs",
        json_schema_extra={"env": "OCR_JUDGE_MAX_TOKENS"},
    )
    max_cost: float | None = Field(
        None,
        ge=0,
        description="US dollars of all judges over all runs; needs prices",
        json_schema_extra={"env": "OCR_JUDGE_MAX_COST"},
    )

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
        """The models asked, in the order given."""
        return [name.strip() for name in self.models.split(",") if name.strip()] if self.kind != "none" else []

    def budget(self, name: str) -> Budget:
        """What all judges together may be asked, use and cost, at the prices of one of them."""
        return Budget(self.max_requests, self.max_tokens, self.max_cost, *prices_of(self.prices, self.names).get(name, (0, 0)))

    def opened(self, name: str, bundled: Path) -> ChatModel:
        """One of the judges. Raises ``ModelUnavailable`` with the remedy."""
        if self.kind == "recorded":
            from resources.models.recorded import RecordedModel

            return RecordedModel(bundled if self.recordings == BUNDLED else Path(self.recordings), name)
        from resources.models.addresses import Addresses
        from resources.models.api import ModelUnavailable
        from resources.models.endpoint import EndpointModel

        urls = [url.strip() for url in self.url.split(",") if url.strip()]
        if not urls:
            raise ModelUnavailable("no endpoint of the judges is set; give OCR_JUDGE_URL, e.g. http://127.0.0.1:8000/v1")
        own = [urls[self.names.index(name)]] if len(urls) == len(self.names) else urls
        return EndpointModel(name, Addresses(own, LIST_KEY.read()), JUDGE_KEY.read(), "none", 32, 600)


def prices_of(text: str, models: Sequence[str], variable: str = "OCR_JUDGE_PRICES") -> dict[str, tuple[float, float]]:
    """Model → price of a million prompt and completion tokens, from "0.12/0.30,0.10/0.20" (one pair for all, or one each).

    Raises ``ValueError`` naming the setting if it is written otherwise.
    """
    pairs = [part.split("/") for part in text.split(",") if part.strip()]
    if not pairs:
        return {}
    if any(len(pair) != 2 for pair in pairs) or len(pairs) not in (1, len(models)):
        raise ValueError(f"{variable}={text}: give prompt/completion prices, one pair for all models or one each")
    try:
        prices = [(float(prompt), float(completion)) for prompt, completion in pairs]
    except ValueError as error:
        raise ValueError(f"{variable}={text}: {error}") from error
    return dict(zip(models, prices * len(models) if len(prices) == 1 else prices, strict=False))


def json_object(text: str) -> str:
    """A setting that is a JSON object, as it was given. Raises ``ValueError`` where it is none."""
    if not isinstance(json.loads(text), dict):
        raise ValueError("give a JSON object")
    return text


def recording(model: ChatModel, folder: str | None) -> ChatModel:
    """The model, each answer of which is recorded in ``folder``; None: in none."""
    if folder is None:
        return model
    from resources.models.recorded import RecordingModel

    return RecordingModel(model, Path(folder))
