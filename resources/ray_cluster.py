"""The connection of this process to a Ray cluster. What is done there is ``sandbox/ray_pool.py``'s matter.

Ray is an extra: it is imported here and there inside functions only.
"""

from __future__ import annotations

import hashlib
import logging
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CODE = ("ocr_assets", "resources", "sandbox_images")  # what has to be the same on all machines
START = "ray start --head --resources='{\"docker\": 1}'"


class ClusterUnavailable(RuntimeError):
    """There is no cluster to work on, or it cannot be used. The message says what to do."""


def connected(address: str) -> Any:
    """The module ``ray``, connected to the cluster at ``address`` (``auto``: the one that this machine belongs to).

    A process stays connected until it ends. Raises ``ClusterUnavailable``.
    """
    if address.startswith("ray://"):
        raise ClusterUnavailable(
            f"OCR_RAY_ADDRESS={address}: Ray's client is of no use here; run this on a node of the cluster (OCR_RAY_ADDRESS=auto)"
        )
    try:
        import ray
    except ImportError as error:
        raise ClusterUnavailable("Ray is an extra: pip install 'ocr-assets[ray]'") from error
    if ray.is_initialized():
        here = ray.get_runtime_context().gcs_address
        if address not in ("auto", here):
            raise ClusterUnavailable(f"this process is connected to the Ray cluster at {here}, not at OCR_RAY_ADDRESS={address}")
    else:
        try:
            ray.init(address=address, namespace="ocr-assets", log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ClusterUnavailable(
                f"no Ray cluster answers at OCR_RAY_ADDRESS={address} ({error}); `{START}` starts one"
            ) from error
    return ray


@cache
def code_digest() -> str:
    """A hash of this project's code as it is installed here."""
    digest = hashlib.sha256()
    for package in CODE:
        spec = find_spec(package)
        for folder in sorted(spec.submodule_search_locations or [] if spec else []):
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(f"{package}/{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
