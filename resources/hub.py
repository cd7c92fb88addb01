"""Datasets from the Hugging Face Hub, sources and benchmarks, by name and revision, into the cache folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

NAMES = {
    "taco": "BAAI/TACO",
    "apps": "codeparrot/apps",
    "code_contests": "deepmind/code_contests",
    "codeforces": "open-r1/codeforces",
}
DATA_FILES = [
    "*.parquet",
    "*.jsonl",
    "*.jsonl.gz",
    "*.jsonl.zst",
    "*.arrow",
    "**/*.parquet",
    "**/*.jsonl",
    "**/*.arrow",
]


class HubUnavailable(RuntimeError):
    """The dataset cannot be fetched; the message says what to do."""


def fetch(dataset: str, address: str, cache: Path, patterns: Sequence[str] = DATA_FILES) -> Path:
    """Folder with the files of ``address`` (``hub``, ``hub:name`` or ``hub:name@revision``) that match one of ``patterns``.

    Files already there are kept. ``dataset``: for whom, named in errors. Raises ``HubUnavailable``.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    name, _, revision = address.removeprefix("hub").removeprefix(":").partition("@")
    name = name or NAMES[dataset]
    folder = cache / "hub" / name.replace("/", "--") / (revision or "main")
    try:
        path = snapshot_download(
            name, repo_type="dataset", revision=revision or None, local_dir=folder, allow_patterns=list(patterns),
            endpoint=os.environ.get("HF_ENDPOINT"),
        )  # fmt: skip
    except RepositoryNotFoundError as error:
        raise HubUnavailable(f"{dataset}: the Hub has no dataset {name!r} (or it asks for a login: set HF_TOKEN)") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise HubUnavailable(
            f"{dataset}: {name} cannot be fetched ({error}); give a folder of its files instead: OCR_{dataset.upper()}=/path"
        ) from error
    return Path(path)
