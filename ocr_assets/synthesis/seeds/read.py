"""The seeds of a subset, by its definition: whichever kind, each text once, in an order of the subset's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ocr_assets.schema import content_id
from ocr_assets.synthesis.seeds.documentation import pages
from ocr_assets.synthesis.seeds.problems import problems
from ocr_assets.synthesis.seeds.seed import Seed
from ocr_assets.synthesis.seeds.snippets import snippets
from ocr_assets.synthesis.seeds.written import questions
from ocr_assets.synthesis.subsets.definition import Subset
from resources.lake import Lake


def seeds_of(subset: Subset, store: Lake, seed_folder: Path, say: Callable[[str], object]) -> list[Seed]:
    """All seeds that the definition takes (prefill: none), in memory together: prompts show several of them, and a bound on
    questions takes the first.

    The order is that of a hash of subset and seed, so that the first are as good a sample as any, and the same on each machine.
    ``say`` is told of what cannot be read. Raises ``ValueError`` naming a path that is not there.
    """
    wanted = subset.seeds
    found: dict[str, Seed] = {}
    for seed in _found(subset, store, seed_folder, say):
        if wanted.least_characters <= len(seed.text) <= wanted.most_characters:
            found.setdefault(seed.seed_id, seed)
    return sorted(found.values(), key=lambda seed: content_id("order", subset.name, seed.seed_id))


def _found(subset: Subset, store: Lake, seed_folder: Path, say: Callable[[str], object]) -> Iterator[Seed]:
    wanted = subset.seeds
    if subset.method == "prefill":
        return
    match subset.seed_kind:
        case "problem":
            yield from problems(store, wanted.datasets, wanted.sources, wanted.call_based)
        case "snippet":
            yield from snippets(subset.path(seed_folder), say)
        case "documentation":
            for package in wanted.packages:
                yield from pages(package, wanted.modules, wanted.most_characters, say)
        case "question":
            yield from questions(subset.path(seed_folder), wanted.column)
