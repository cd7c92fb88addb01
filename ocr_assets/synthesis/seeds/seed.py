"""A seed: a text that a question is made from. How seeds are found is in the modules beside, by kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocr_assets.schema import QuestionSeed, SeedKind, content_id


@dataclass(frozen=True)
class Seed:
    """``names``: what a person calls it, the first before all; ``place``: where it was read. A problem's id is the problem's."""

    seed_id: str
    kind: SeedKind
    names: Sequence[str]
    place: str
    text: str
    license: str | None = None

    @property
    def row(self) -> QuestionSeed:
        """As ``question_seeds`` keeps it; problems stand in tables of their own."""
        return {
            "seed_id": self.seed_id,
            "kind": self.kind,
            "name": self.names[0],
            "place": self.place,
            "license": self.license,
            "text": self.text,
        }


def seed_of(kind: SeedKind, name: str, place: str, text: str, license: str | None = None) -> Seed:
    """A seed that is no problem of ours: its id is the hash of its text."""
    return Seed(content_id("seed", kind, text), kind, (name,), place, text, license)
