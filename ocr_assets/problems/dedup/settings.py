"""The settings of deduplication: one model for the asset's configuration, the plain functions and the command line."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ocr_assets.problems.dedup.merge import VERSION as MERGE_VERSION
from ocr_assets.problems.dedup.near import FLOOR, MinHash
from ocr_assets.texts import normalize
from ocr_assets.texts.shingles import MOST_WORDS

SEMANTIC_FLOOR = 0.9  # pairs less similar than this are not kept


class DedupSettings(BaseModel):
    """Which layers say that two rows are one problem, and from which likeness on.

    What was measured is kept, so another threshold measures nothing again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    exact: bool = Field(True, description="Equal normalized statements (the rule of OpenCodeReasoning)")
    near: bool = Field(False, description="Shared wording: Jaccard similarity of word shingles, proposed by MinHash, verified")
    near_threshold: float = Field(
        0.7, ge=FLOOR, le=1, description=f"Jaccard similarity from which statements are one problem; at least {FLOOR}"
    )
    near_shingle: int = Field(3, ge=1, le=MOST_WORDS, description="Words in a shingle")
    semantic: bool = Field(False, description="Similar embeddings (the rule of KodCode)")
    semantic_threshold: float = Field(
        0.95, ge=SEMANTIC_FLOOR, le=1, description=f"Cosine from which statements are one problem; at least {SEMANTIC_FLOOR}"
    )

    @property
    def minhash(self) -> MinHash | None:
        """How signatures of the near layer are made; None where it is off."""
        return MinHash(self.near_shingle) if self.near else None

    @property
    def rule(self) -> str:
        """What statement keys depend on."""
        return f"normalize {normalize.VERSION}, exact {'on' if self.exact else 'off'}"

    @property
    def merge_rule(self) -> str:
        """What a merged problem depends on beside its members; another value merges every cluster again."""
        on = [name for name in ("near", "semantic") if getattr(self, name)]
        return f"merge {MERGE_VERSION}, {self.rule}, {' and '.join(on) or 'nothing'} beside"
