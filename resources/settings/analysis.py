"""Which models say something of the teacher's responses: the *annotator* of their reasoning and the *critic* of their solutions.

The models themselves are ``resources/models``; what they are asked is ``ocr_assets/analysis``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from resources.models.budget import Budget
from resources.secrets import ANNOTATOR_KEY, CRITIC_KEY, LIST_KEY, Secret
from resources.settings.base import Settings
from resources.settings.models import URLS, json_object, prices_of, recording
from resources.settings.sources import BUNDLED

if TYPE_CHECKING:
    from resources.models.api import ChatModel


class AskedResource(Settings):
    """One model in a role of its own, with its own budget. Its server's key is read when it is opened, and shown nowhere."""

    key: ClassVar[Secret]
    kind: Literal["recorded", "endpoint", "vllm", "none"] = Field(
        "recorded",
        description="recorded answers, an OpenAI-compatible endpoint, vllm in process, or none",
        json_schema_extra={"env": "OCR_{section}"},
    )
    model: str = Field(
        "Qwen/Qwen2.5-32B-Instruct",
        description="Name, or path for vllm",
        json_schema_extra={"env": "OCR_{section}_MODEL", "path": "or name"},
    )
    url: str = Field(
        "",
        description=URLS + "the role's key",
        json_schema_extra={"env": "OCR_{section}_URL", "path": "lists"},
    )
    think: Literal["template", "prefill", "completion", "none"] = Field(
        "none",
        description="How <think> is opened, as for the teacher; none: the model does so itself, or does not reason",
        json_schema_extra={"env": "OCR_{section}_THINK"},
    )
    concurrency: int = Field(
        64, ge=1, le=4096, description="Requests in flight, at most", json_schema_extra={"env": "OCR_{section}_CONCURRENCY"}
    )
    timeout_s: float = Field(3600, gt=0, description="Seconds for one try", json_schema_extra={"env": "OCR_{section}_TIMEOUT"})
    max_requests: int | None = Field(
        None, ge=0, description="Requests to this model over all runs", json_schema_extra={"env": "OCR_{section}_MAX_REQUESTS"}
    )
    max_tokens: int | None = Field(
        None,
        ge=0,
        description="Prompt and completion tokens of this model over all runs",
        json_schema_extra={"env": "OCR_{section}_MAX_TOKENS"},
    )
    max_cost: float | None = Field(
        None, ge=0, description="US dollars over all runs; needs prices", json_schema_extra={"env": "OCR_{section}_MAX_COST"}
    )
    prices: str = Field(
        "",
        description="US dollars a million prompt/completion tokens, e.g. 0.12/0.30",
        json_schema_extra={"env": "OCR_{section}_PRICES"},
    )
    recordings: str = Field(
        BUNDLED, description="Folder of recorded answers", json_schema_extra={"env": "OCR_{section}_RECORDINGS", "path": True}
    )
    record: str | None = Field(
        None,
        description="Folder in which to record every answer",
        json_schema_extra={"env": "OCR_{section}_RECORD", "path": True},
    )
    engine: str = Field(
        "{}",
        description="vllm: JSON of engine arguments, such as tensor_parallel_size, max_model_len, dtype",
        json_schema_extra={"env": "OCR_{section}_ENGINE"},
    )

    @field_validator("engine")
    @classmethod
    def _engine_is_json(cls, value: str) -> str:
        return json_object(value)

    @model_validator(mode="after")
    def _cost_has_a_price(self) -> AskedResource:
        if self.max_cost is not None and not self._prices[1]:
            raise ValueError(f"OCR_{self.section.upper()}_MAX_COST needs OCR_{self.section.upper()}_PRICES")
        return self

    @property
    def _prices(self) -> tuple[float, float]:
        return prices_of(self.prices, [self.model], f"OCR_{self.section.upper()}_PRICES").get(self.model, (0, 0))

    @property
    def budget(self) -> Budget:
        """What may be asked, used and paid in all."""
        return Budget(self.max_requests, self.max_tokens, self.max_cost, *self._prices)

    def opened(self, bundled: Path) -> ChatModel | None:
        """The model; None: nobody plays this role. ``bundled``: the folder of recordings that ``bundled`` means. Raises
        ``ModelUnavailable`` with the remedy."""
        return None if self.kind == "none" else recording(self._engine(bundled), self.record)

    def _engine(self, bundled: Path) -> ChatModel:
        if self.kind == "recorded":
            from resources.models.recorded import RecordedModel

            return RecordedModel(bundled if self.recordings == BUNDLED else Path(self.recordings), self.model)
        if self.kind == "endpoint":
            from resources.models.addresses import Addresses
            from resources.models.endpoint import EndpointModel

            urls = Addresses(self.url, LIST_KEY.read())
            return EndpointModel(self.model, urls, self.key.read(), self.think, self.concurrency, self.timeout_s)
        from resources.models.vllm import VllmModel

        return VllmModel(self.model, self.think, **json.loads(self.engine))


class AnnotatorResource(AskedResource):
    """The model that says which reasoning pattern each part of a response's reasoning is. Key: ``OCR_ANNOTATOR_KEY``."""

    section: ClassVar[str] = "annotator"
    key: ClassVar[Secret] = ANNOTATOR_KEY


class CriticResource(AskedResource):
    """The model that reads a question and a solution and judges the solution right or wrong. Key: ``OCR_CRITIC_KEY``."""

    section: ClassVar[str] = "critic"
    key: ClassVar[Secret] = CRITIC_KEY
    model: str = Field(
        "Qwen/QwQ-32B",
        description="Name, or path for vllm",
        json_schema_extra={"env": "OCR_{section}_MODEL", "path": "or name"},
    )
    think: Literal["template", "prefill", "completion", "none"] = Field(
        "template",
        description="How <think> is opened, as for the teacher; none: the model does so itself, or does not reason",
        json_schema_extra={"env": "OCR_{section}_THINK"},
    )
