"""A folder's files as one commit of a dataset on the Hugging Face Hub.

Uploads are resumable and nothing of them is seen before the end: each file goes to the Hub's storage first, where what is there
already is not sent again, and then one commit puts all of them in place. The commit names its parent, so of two that are made at
once one is refused. Fetching is in ``hub.py``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resources.hub import HubUnavailable, unreachable
from resources.secrets import Secret

TOKEN = Secret("HF_TOKEN", "Key of the Hub, with the right to write")
_SHA256 = 64  # characters
_MEANT = {
    401: "the key is not valid",
    403: "the key has no right to write there",
    409: "somebody else is writing there",
    412: "somebody else pushed there meanwhile; nothing was changed, push again",
}


@dataclass(frozen=True)
class RemoteFiles:
    """What a dataset on the Hub holds. ``head``: its newest commit; None: there is no such dataset. ``hashes``: path → SHA-256,
    or of a small file, that git itself keeps, git's hash. ``public``: anybody can read it."""

    head: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    public: bool = False

    def holds(self, path: str, file: Path) -> bool:
        """Whether there is a file like ``file`` under ``path``."""
        known = self.hashes.get(path)
        if known is None:
            return False
        with file.open("rb") as opened:
            if len(known) == _SHA256:
                return hashlib.file_digest(opened, "sha256").hexdigest() == known
            content = opened.read()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == known


class HubDataset:
    """A dataset on the Hub by its name (``owner/name``), to be written. The key comes from the environment and nowhere else: a
    login that is stored on this machine is not used."""

    def __init__(self, name: str) -> None:
        from huggingface_hub import HfApi

        secret = TOKEN.read()
        self.name = name
        self._key = secret.get_secret_value() if secret else None
        self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=self._key or False)

    @property
    def has_key(self) -> bool:
        return self._key is not None

    def files(self) -> RemoteFiles:
        """What lies there now. Raises ``HubUnavailable``."""
        from huggingface_hub.errors import RepositoryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        with self._said("cannot be read"):
            try:
                info = self._api.repo_info(self.name, repo_type="dataset", timeout=30)
            except RepositoryNotFoundError:
                return RemoteFiles()
            tree = self._api.list_repo_tree(self.name, repo_type="dataset", recursive=True, revision=info.sha)
            found = {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in tree if isinstance(file, RepoFile)}
            return RemoteFiles(str(info.sha), found, public=not info.private)

    def read(self, path: str, folder: Path, revision: str | None = None) -> bytes:
        """A small file of it, fetched into ``folder``. Raises ``HubUnavailable``."""
        with self._said("cannot be read"):
            fetched = self._api.hf_hub_download(self.name, path, repo_type="dataset", revision=revision, local_dir=folder)
            return Path(fetched).read_bytes()

    def create(self, *, private: bool) -> None:
        """Make the dataset, if there is none of that name."""
        with self._said("cannot be made"):
            self._api.create_repo(self.name, repo_type="dataset", private=private, exist_ok=True)

    def commit(
        self,
        files: Mapping[str, Path],
        removed: Collection[str],
        message: str,
        head: str | None,
        told: Callable[[str], object] = lambda path: None,
    ) -> str:
        """Put ``files`` (path there → file here) and take ``removed`` away, in one commit upon ``head``; its address. ``told`` is
        called after each file that is in the Hub's storage.

        Raises ``HubUnavailable``; then nothing is seen of it, and what was stored is not sent again.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with self._said("cannot be written"):
            added = [CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(file)) for path, file in files.items()]
            for one in added:
                self._api.preupload_lfs_files(self.name, [one], repo_type="dataset", free_memory=False)
                told(one.path_in_repo)
            gone = [CommitOperationDelete(path_in_repo=path) for path in removed]
            made = self._api.create_commit(
                self.name, [*added, *gone], commit_message=message, repo_type="dataset", parent_commit=head
            )
            return str(made.commit_url)

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """One line for whatever the Hub or the network says, without the key."""
        faults: tuple[type[Exception], ...] = (*unreachable(), RuntimeError, ValueError)
        try:
            yield
        except faults as error:
            if isinstance(error, HubUnavailable):
                raise
            raise HubUnavailable(f"{self.name} {what} on the Hub: {self._reason(error)}") from None

    def _reason(self, error: BaseException) -> str:
        cause: BaseException | None = error
        while cause is not None:  # an upload's failure wraps the server's
            status = _status(cause)
            if status in _MEANT:
                return _MEANT[status]
            cause = cause.__cause__
        text = " ".join(str(error).split())[:500]
        return text.replace(self._key, "***") if self._key else text


def _status(error: Any) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


__all__ = ["TOKEN", "HubDataset", "RemoteFiles"]
