"""Which questions a subset still lacks, and the requests for them.

A question's id is a hash of what is asked, known before it is asked: subset, first seed, number of seeds, prompt template,
model, sampling and sample index. So raising the number of samples asks for the additional ones only, a changed template or model
asks anew, and what was asked before is found in the table itself. The companions that a prompt shows beside its first seed are
not part of the id: another problem in the lake shall not have its neighbours asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from ocr_assets.generation.answers import seed_of
from ocr_assets.generation.prompts import PromptTemplate, prompt_hash
from ocr_assets.schema import content_id, json_text
from ocr_assets.synthesis.seeds.seed import Seed
from ocr_assets.synthesis.subsets.definition import Subset
from resources.lake import Lake
from resources.models.api import ChatRequest

KNOWN = """
SELECT question_id, template_hash FROM synthetic_questions
WHERE subset = $subset AND model = $model AND NOT list_contains($ask_again::VARCHAR[], coalesce(failure, ''))
"""


@dataclass(frozen=True)
class PlannedQuestion:
    """A request and what identifies its question. ``seeds``: those shown, the first in the id; none for prefill."""

    request: ChatRequest
    subset: Subset
    seeds: Sequence[Seed]
    sample_index: int
    template: PromptTemplate
    prompt_hash: str

    @property
    def given(self) -> str:
        """What reading the answer needs beside it: the turn as it was begun, or the first seed's text."""
        return self.seeds[0].text if self.seeds else self.request.messages[-1]["content"]


@dataclass(frozen=True)
class QuestionPlan:
    """The questions that a subset lacks; the requests are made as they are drawn."""

    subset: Subset
    template: PromptTemplate
    model: str
    seeds: Sequence[Seed]
    places: Sequence[tuple[int, int]]  # (seed, sample index) of each missing question

    @property
    def missing(self) -> int:
        return len(self.places)

    def requests(self) -> Iterator[PlannedQuestion]:
        """In order: the first sample of each seed, then the second."""
        for place, sample in self.places:
            yield self._request(place, sample)

    def _request(self, place: int, sample: int) -> PlannedQuestion:
        subset = self.subset
        count = min(subset.seeds.together, len(self.seeds)) if self.seeds else 0
        seeds = [self.seeds[(place + step) % len(self.seeds)] for step in range(count)]
        messages = self.template.messages(**({"seed": shown(seeds)} if seeds else {}))
        key = question_id(subset, seeds[0] if seeds else None, self.template, self.model, sample)
        request = ChatRequest(
            key=key,
            messages=messages,
            sampling=subset.sampling,
            seed=seed_of(key),
            aliases=[f"synthetic|{subset.name}|{name}|{sample}" for name in (seeds[0].names if seeds else ("",))],
            stop=subset.stop,
            user_turn=subset.method == "prefill",
        )
        return PlannedQuestion(request, subset, seeds, sample, self.template, prompt_hash(messages))


def plan(store: Lake, subset: Subset, seeds: Sequence[Seed], model: str, ask_again: Sequence[str] = ()) -> QuestionPlan:
    """What ``subset`` lacks in the lake, with ``seeds`` in the order in which they are to be used.

    ``ask_again``: labelled failures that count as missing.
    """
    template = subset.template()
    rows = store.rows(KNOWN, {"subset": subset.name, "model": model, "ask_again": list(ask_again)})
    known = {row["question_id"] for row in rows}
    room = None
    if subset.ask.questions is not None:
        room = max(0, subset.ask.questions - sum(row["template_hash"] == template.hash for row in rows))
    used: Sequence[Seed | None] = seeds if subset.method != "prefill" else [None]
    missing = (
        (place, sample)
        for sample in range(subset.ask.samples)
        for place, seed in enumerate(used)
        if question_id(subset, seed, template, model, sample) not in known
    )
    return QuestionPlan(subset, template, model, seeds, list(islice(missing, room)))


def question_id(subset: Subset, seed: Seed | None, template: PromptTemplate, model: str, sample: int) -> str:
    """The key of a question, known before it is asked for."""
    first = (seed.seed_id, subset.seeds.together) if seed else ()
    return content_id("syn", subset.name, *first, template.hash, model, sampling_of(subset), sample)


def sampling_of(subset: Subset) -> dict[str, Any]:
    """How its answers are drawn, as stored and hashed."""
    return {**asdict(subset.sampling), **({"stop": list(subset.stop)} if subset.stop else {})}


def sampling_json(subset: Subset) -> str:
    return json_text(sampling_of(subset))


def shown(seeds: Sequence[Seed]) -> str:
    """Seeds as a prompt shows them: one as it is, several under numbers."""
    if len(seeds) == 1:
        return seeds[0].text
    return "\n\n".join(f"Number {number}:\n\n{seed.text}" for number, seed in enumerate(seeds, 1))
