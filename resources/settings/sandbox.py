"""Which sandbox untrusted programs run in, and how large it is. The sandboxes themselves are ``resources/sandbox``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from resources.settings.base import Settings

if TYPE_CHECKING:
    from resources.sandbox.pool import Pool

log = logging.getLogger(__name__)


class SandboxResource(Settings):
    """Where untrusted programs run."""

    section: ClassVar[str] = "sandbox"
    kind: Literal["auto", "docker", "process", "ray"] = Field(
        "auto",
        description="auto is docker, and process (no isolation!) only for the bundled corpus where no engine answers; ray is "
        "docker on the machines of a Ray cluster",
        json_schema_extra={"env": "OCR_SANDBOX"},
    )
    workers: int = Field(
        0, ge=0, description="Programs at once, on each machine; 0: one a core", json_schema_extra={"env": "OCR_SANDBOX_WORKERS"}
    )
    base: str = Field(
        "debian:bookworm-slim",
        description="Base image: a Debian; bookworm has g++ 12 and Python 3.11, debian:trixie-slim g++ 14 and Python 3.13",
        json_schema_extra={"env": "OCR_SANDBOX_BASE"},
    )
    image: str | None = Field(
        None,
        description="Exactly this image (repository:tag@sha256:…), as `ocr-assets sandbox load` says it; none is built",
        json_schema_extra={"env": "OCR_SANDBOX_IMAGE"},
    )
    ray_address: str = Field(
        "auto",
        description="Of ray: the cluster, as host:port; auto: the one this machine belongs to",
        json_schema_extra={"env": "OCR_RAY_ADDRESS"},
    )
    runtime: str | None = Field(
        None, description="Container runtime, e.g. runsc", json_schema_extra={"env": "OCR_SANDBOX_RUNTIME"}
    )
    memory_mb: int = Field(
        2560,
        ge=512,
        description="MiB of a container; bounds every memory limit",
        json_schema_extra={"env": "OCR_SANDBOX_MEMORY"},
    )
    recycle_after: int = Field(
        1000, ge=1, description="Programs after which a container is replaced", json_schema_extra={"env": "OCR_SANDBOX_RECYCLE"}
    )
    engine_wait_s: float = Field(
        120,
        ge=0,
        description="Seconds a restarting engine is waited for; of ray: also while no machine is there",
        json_schema_extra={"env": "OCR_SANDBOX_ENGINE_WAIT"},
    )
    online_judge: bool = Field(
        True,
        description="Whether C++ programs find ONLINE_JUDGE defined, as on most judges; such programs that look at it are judged "
        "anew when this changes",
        json_schema_extra={"env": "OCR_ONLINE_JUDGE"},
    )

    def opened(self, *, trusted: bool = False, image: str | None = None) -> Pool:
        """The pool, not yet started. ``trusted``: all programs are this project's own. ``image``: the image with more packages
        that programs need; null: the usual one. Raises ``SandboxUnavailable``."""
        from resources.sandbox.api import SandboxUnavailable
        from resources.sandbox.docker_pool import DockerSandbox
        from resources.sandbox.images import REMEDY, engine_answers
        from resources.sandbox.process import ProcessSandbox

        options: dict[str, Any] = {
            "workers": self.workers or None,
            "base": self.base,
            "runtime": self.runtime,
            "memory_mb": self.memory_mb,
            "recycle_after": self.recycle_after,
            "engine_wait_s": self.engine_wait_s,
        }
        exactly = self.image if image is None else None
        if self.kind == "ray":
            from resources.sandbox.ray_pool import RayPool

            return self._configured(RayPool(self.ray_address, options, exactly, image, self.engine_wait_s))
        if self.kind != "process" and engine_answers():
            return self._configured(DockerSandbox(**options, extended=image, image=exactly))
        if image is not None:
            raise SandboxUnavailable(f"these programs need the image for {image}, so a Docker engine; {REMEDY}")
        if self.kind == "docker" or (self.kind == "auto" and not trusted):
            raise SandboxUnavailable(
                f"no Docker engine answers, and these programs are not ours to trust; {REMEDY}; "
                "or set OCR_SANDBOX=process to run them as this user WITHOUT isolation"
            )
        log.warning("NO ISOLATION: programs run as local processes under rlimits only (OCR_SANDBOX=%s); %s", self.kind, REMEDY)
        return self._configured(ProcessSandbox(self.workers or None, self.recycle_after))

    def _configured(self, pool: Pool) -> Pool:
        pool.online_judge = self.online_judge
        return pool
