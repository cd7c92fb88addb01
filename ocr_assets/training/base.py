"""The base model: where it lies, its tokenizer, and which version it is. Weights are not loaded here."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WEIGHTS = ("*.safetensors", "*.bin", "*.safetensors.index.json", "*.bin.index.json")
SETTINGS = ("config.json", "generation_config.json", "*.py")  # with which a model is built; it may bring code of its own
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "merges.txt", "chat_template.jinja",
             "special_tokens_map.json", "added_tokens.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model",
             "tekken.json")  # fmt: skip
_ON_THE_HUB = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


@dataclass(frozen=True)
class Base:
    """``name``: as it was given; ``path``: what transformers loads; ``revision``: of one on the Hub; ``folder``: if it is one."""

    name: str
    path: str
    revision: str | None = None
    folder: Path | None = None

    @property
    def has_weights(self) -> bool:
        """False: a folder that only says what the model looks like."""
        return self.folder is None or any(any(self.folder.glob(pattern)) for pattern in WEIGHTS[:2])

    def version(self, hashes: Callable[[Path], str]) -> str:
        """Hash of its files, or its name and commit on the Hub. ``hashes``: of a file."""
        if self.folder is None:
            return self.name
        files = [file for pattern in (*SETTINGS, *WEIGHTS) for file in self.folder.glob(pattern)] + self._tokenizer_files()
        return _of(files, hashes)

    def tokenizer_version(self, hashes: Callable[[Path], str]) -> str:
        """The same of its tokenizer alone."""
        return self.name if self.folder is None else _of(self._tokenizer_files(), hashes)

    def tokenizer(self) -> Any:
        """Its tokenizer. Raises ``ValueError`` with the remedy where it has none, or no chat template."""
        try:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(self.path, revision=self.revision)
        except ImportError as error:
            raise ValueError(NEEDS_EXTRA) from error
        except (OSError, ValueError) as error:
            raise ValueError(f"OCR_BASE_MODEL={self.name}: no tokenizer can be read ({_first_line(error)})") from error
        if not tokenizer.chat_template:
            raise ValueError(f"OCR_BASE_MODEL={self.name}: its tokenizer has no chat template; add chat_template.jinja")
        return tokenizer

    def _tokenizer_files(self) -> list[Path]:
        assert self.folder is not None
        return [self.folder / name for name in TOKENIZER if (self.folder / name).is_file()]


NEEDS_EXTRA = "training needs the extra `train`; install it with: pip install 'ocr-assets[train]'"


def find_base(name: str) -> Base:
    """The base model of a setting: a folder, or a name on the Hub. Raises ``ValueError`` in one line with the remedy."""
    name = name.strip()
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ValueError(f"OCR_BASE_MODEL={name}: no config.json in that folder; give the folder of a model")
        if not any((folder / file).is_file() for file in TOKENIZER):
            raise ValueError(f"OCR_BASE_MODEL={name}: no tokenizer in that folder; put the model's tokenizer files there")
        return Base(name, str(folder.resolve()), None, folder.resolve())
    if folder.exists():
        raise ValueError(f"OCR_BASE_MODEL={name}: that is a file; give the folder of a model")
    if not _ON_THE_HUB.fullmatch(name):
        raise ValueError(f"OCR_BASE_MODEL={name}: no such folder; give one, or a name on the Hub such as Qwen/Qwen2.5-7B")
    path, _, revision = name.partition("@")
    return Base(name, path, revision or None)


class FileHashes:
    """Hashes of files, remembered in a file until they change: weights are large.

    The time of an inode's change counts too: unlike that of the content, no copying sets it back.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._known: dict[str, list[Any]] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):  # broken: all is hashed anew
            found = json.loads(memory.read_text())
            self._known = found if isinstance(found, dict) else {}

    def __call__(self, file: Path) -> str:
        stat = file.stat()
        seen = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        known = self._known.get(str(file))
        if known is None or known[:-1] != seen:
            with file.open("rb") as opened:
                known = [*seen, hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()]
            self._known[str(file)] = known
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            building = self._memory.with_name(f".{self._memory.name}.{os.getpid()}")
            building.write_text(json.dumps(self._known))
            building.rename(self._memory)
        return str(known[-1])


def _of(files: Iterable[Path], hashes: Callable[[Path], str]) -> str:
    named = sorted((file.name, hashes(file)) for file in set(files))
    return hashlib.blake2b(json.dumps(named).encode(), digest_size=16).hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
