"""Packing a mix: its rows' texts read once, tokenized, packed and written; where each row went, into the lake.

Bins are made in ``bins.py``, tokens in ``chat.py`` and ``tokenized.py``, files in ``packed.py``. This module knows the lake and
puts them together.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ocr_assets.generation.prompts import load_templates
from ocr_assets.schema import PACKED_MIXES, PACKED_SFT, content_id
from ocr_assets.training.base import Base, FileHashes
from ocr_assets.training.bins import Packing, pack
from ocr_assets.training.chat import ChatFormat
from ocr_assets.training.locks import locked
from ocr_assets.training.mixes.definition import TrainingMix
from ocr_assets.training.packed import Examples, shuffled, write_packed
from ocr_assets.training.recipes.definition import Recipe
from ocr_assets.training.releases import ReleaseFiles, find_release
from ocr_assets.training.tokenized import tokenize
from resources.lake import Lake, RunInfo
from resources.models.api import Message

STAGE = "packed_sft"
PACKER = "2"  # of what this module, chat.py and bins.py make of a mix; another one packs anew

# The rows of a mix in a release's files, each once whatever its copies, with the prompt as it was sent; `row` numbers them.
_TEXTS = """
SELECT m.row, t.language, t.question, t.answer, {prompt} AS messages
FROM ({texts}) t JOIN ({numbers}) m USING (released_id) {asked}"""
NUMBERS = """
SELECT released_id, row_number() OVER (ORDER BY min(position)) - 1 AS row, release
FROM training_mix WHERE mix = $mix GROUP BY release, released_id"""
POSITIONS = f"""
SELECT example_id, n.row FROM training_mix x JOIN ({NUMBERS}) n USING (release, released_id)
WHERE x.mix = $mix ORDER BY x.position"""


@dataclass(frozen=True)
class Text:
    """A row of a mix: its number there, the prompt's turns as they were sent, the whole answer."""

    row: int
    turns: Sequence[Message]
    answer: str


@dataclass(frozen=True)
class Place:
    """Where training writes, under ``home``: ``tokens`` while it packs, ``packed``, ``models``. It reads ``releases``."""

    home: Path
    releases: Path

    @property
    def packed(self) -> Path:
        return self.home / "packed"

    @property
    def tokens(self) -> Path:
        return self.home / "tokens"

    @property
    def models(self) -> Path:
        return self.home / "models"


def pack_mix(
    store: Lake,
    run: RunInfo,
    mix: TrainingMix,
    recipe: Recipe,
    base: Base,
    place: Place,
    hashes: FileHashes,
    say: Callable[[str], None],
) -> bool:
    """Bring the packed files of a mix up to date; False: there was nothing to do. Raises ``ValueError`` naming what is wrong."""
    inputs = inputs_of(store, mix, recipe, base, hashes)
    with locked(place.packed / f"{mix.name}.lock", wait=True):
        return _pack(store, run, mix, recipe, base, place, inputs, say)


def inputs_of(store: Lake, mix: TrainingMix, recipe: Recipe, base: Base, hashes: FileHashes) -> str:
    """Hash of what a mix is packed from, as it is now. Raises ``ValueError`` if the mix was not made yet."""
    states = store.rows("SELECT * FROM training_mixes WHERE mix = ?", [mix.name])
    if not states:
        raise ValueError(f"mix {mix.name} was not made yet; materialize training_mix first")
    return content_id(
        "inputs", PACKER, states[0]["inputs"], states[0]["data_version"], base.tokenizer_version(hashes), recipe.system,
        recipe.max_length, recipe.packing, mix.seed, mix.shuffle_answers,
    )  # fmt: skip


def check_packed(
    packed: Mapping[str, Any], store: Lake, mix: TrainingMix, recipe: Recipe, base: Base, hashes: FileHashes
) -> None:
    """Raises ``ValueError`` where a mix's packed files (their row of ``packed_mixes``) are another tokenizer's, or old."""
    if packed["inputs"] != inputs_of(store, mix, recipe, base, hashes):
        raise ValueError(
            f"mix {mix.name} is packed for {packed['base']}, another limit or older rows; materialize packed_sft first"
        )


def _pack(
    store: Lake, run: RunInfo, mix: TrainingMix, recipe: Recipe, base: Base, place: Place, inputs: str, say: Callable[[str], None]
) -> bool:
    folder = place.packed / mix.name / inputs  # of these inputs only: the lake never names a folder that holds other bins
    known = store.rows("SELECT * FROM packed_mixes WHERE mix = ?", [mix.name])
    if known and known[0]["inputs"] == inputs and known[0]["folder"] == str(folder) and folder.is_dir():
        return False
    chat = ChatFormat(base.tokenizer(), recipe.system)
    tokens_folder = place.tokens / mix.name / inputs
    examples, ids = _examples(store, mix, chat, place, tokens_folder)
    packing = pack(examples.lengths, recipe.max_length, mix.seed, together=recipe.packing)
    version = write_packed(folder, examples, packing)
    packed = packing.bin >= 0
    tokens, loss = int(examples.lengths[packed].sum()), int(examples.loss_tokens[packed].sum())
    too_long = int((examples.lengths > recipe.max_length).sum())
    with store.write(run, STAGE, scope=mix.name) as write:
        rows = write.sync(PACKED_SFT, where={"mix": mix.name})
        edges = write.edges()
        for row in _rows(mix, ids, examples, packing, recipe.max_length, inputs):
            rows.add(row)
            child, relation = (row["bin_id"], "derived") if row["bin_id"] else (STAGE, "dropped")
            edges.add({"child": child, "parent": row["example_id"], "relation": relation, "reason": row["reason"] or ""})
        write.upsert(
            PACKED_MIXES,
            [
                {
                    "mix": mix.name,
                    "folder": str(folder),
                    "data_version": version,
                    "base": base.name,
                    "max_length": recipe.max_length,
                    "examples": int(packed.sum()),
                    "too_long": too_long,
                    "bins": packing.bins,
                    "tokens": tokens,
                    "loss_tokens": loss,
                    "fill": tokens / (packing.bins * recipe.max_length) if packing.bins else 0.0,
                    "inputs": inputs,
                }
            ],
        )
    shutil.rmtree(tokens_folder.parent, ignore_errors=True)
    for other in set(folder.parent.iterdir()) - {folder}:
        shutil.rmtree(other, ignore_errors=True)
    say(f"packed_sft {mix.name}: {int(packed.sum()):,} rows in {packing.bins:,} bins, {len(ids) - int(packed.sum()):,} left out")
    return True


def texts_of(store: Lake, mix: TrainingMix, releases: Path) -> list[tuple[str, Sequence[Path], Callable[[Path], Iterator[Text]]]]:
    """The releases of a mix: name, files, and how the mix's rows in one of them are read."""
    templates = load_templates(["python_stdin", "cpp_stdin", "kodcode_response"])

    def rows(release: ReleaseFiles, file: Path) -> Iterator[Text]:
        asked, prompt = "", "NULL"
        if release.answers_table:
            asked = (
                f"LEFT JOIN {release.answers_table} a ON a.response_id = t.response_id "
                "LEFT JOIN prompts p ON p.prompt_hash = a.prompt_hash AND p.template_hash = a.template_hash"
            )
            prompt = "p.messages"
        numbers = f"SELECT * FROM ({NUMBERS}) WHERE release = $release"
        query = _TEXTS.format(texts=release.texts([file]), numbers=numbers, asked=asked, prompt=prompt)
        for row in store.stream(query, {"mix": mix.name, "release": release.name}):
            if row["messages"]:
                turns = json.loads(row["messages"])
            else:  # how it was asked is not known, so it is asked as we would
                name = "kodcode_response" if release.form == "conversations" else f"{row['language']}_stdin"
                turns = templates[name].messages(question=row["question"], starter_code="", entry="", declarations="")
            yield Text(row["row"], turns, row["answer"] or "")

    names = dict.fromkeys(part.release for part in mix.parts)
    found = [release for name in names if (release := find_release(name, releases, mix.base))]
    return [(release.name, release.files, partial(rows, release)) for release in found]


def _examples(store: Lake, mix: TrainingMix, chat: ChatFormat, place: Place, folder: Path) -> tuple[Examples, list[str]]:
    """The tokens of a mix's rows, and the ids of its examples by position."""
    positions = store.rows(POSITIONS, {"mix": mix.name})
    count = int(store.scalar(f"SELECT count(*) FROM ({NUMBERS})", {"mix": mix.name}))
    files = [(read, file) for _, files, read in texts_of(store, mix, place.releases) for file in files]
    parts = [partial(read, file) for read, file in files]
    tokens = tokenize(
        folder, parts, lambda batch: chat.rows([text.turns for text in batch], [text.answer for text in batch]), count
    )
    prompts = np.array([row["row"] for row in positions], np.int64)
    answers = shuffled(prompts) if mix.shuffle_answers else prompts
    return Examples(tokens, prompts, answers), [row["example_id"] for row in positions]


def _rows(
    mix: TrainingMix, ids: Sequence[str], examples: Examples, packing: Packing, limit: int, inputs: str
) -> Iterable[dict[str, Any]]:
    """Rows of ``packed_sft``, in the mix's order."""
    lengths, loss = examples.lengths, examples.loss_tokens
    for position, example_id in enumerate(ids):
        number = int(packing.bin[position])
        is_packed = number >= 0
        reason = None if is_packed else examples.fault(position) or f"longer than {limit:,} tokens"
        yield {
            "example_id": example_id,
            "mix": mix.name,
            "bin_id": content_id("bin", inputs, number) if is_packed else None,
            "bin": number if is_packed else None,
            "place": int(packing.place[position]) if is_packed else None,
            "tokens": int(lengths[position]),
            "loss_tokens": int(loss[position]),
            "reason": reason,
        }
