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


def name_of(dataset: str, address: str) -> tuple[str, str]:
    """Name on the Hub and revision (empty: the newest) of ``hub``, ``hub:name`` or ``hub:name@revision``.
    Raises ``HubUnavailable`` where it names none and there is no usual one."""
    name, _, revision = address.removeprefix("hub").removeprefix(":").partition("@")
    if not name and dataset not in NAMES:
        raise HubUnavailable(f"{dataset}: {address} does not say which dataset; give OCR_{dataset.upper()}=hub:name@revision")
    return name or NAMES[dataset], revision


def unreachable() -> tuple[type[Exception], ...]:
    """What the Hub's client raises where the Hub refuses, or does not answer: its own errors, and those of the HTTP library that
    this version of it uses, which are no ``OSError``."""
    from importlib import import_module

    from huggingface_hub import get_session
    from huggingface_hub.errors import HfHubHTTPError

    library = import_module(type(get_session()).__module__.partition(".")[0])
    return (HfHubHTTPError, OSError, getattr(library, "HTTPError", OSError))


def revision(dataset: str, address: str) -> str:
    """The commit that ``address`` means now; nothing is fetched. Raises ``HubUnavailable``."""
    from huggingface_hub import HfApi

    name, wanted = name_of(dataset, address)
    try:
        found = HfApi(endpoint=os.environ.get("HF_ENDPOINT")).dataset_info(name, revision=wanted or "main", timeout=30)
    except unreachable() as error:
        raise HubUnavailable(f"{dataset}: the Hub does not say which revision {name} has ({error})") from error
    return str(found.sha)


def fetch(dataset: str, address: str, cache: Path, patterns: Sequence[str] = DATA_FILES) -> Path:
    """Folder with the files of ``address`` (``hub``, ``hub:name`` or ``hub:name@revision``) that match one of ``patterns``.

    Files already there are kept. ``dataset``: for whom, named in errors. Raises ``HubUnavailable``.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    name, revision = name_of(dataset, address)
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
