"""Where plain functions over many rows are run: in this process, in processes of this machine, or as tasks of a Ray cluster.

A stage cuts its rows into shards of a size that depends on nothing but the rows, and maps a function over them: the results are
the same wherever that happens. Programs of models never run here (``resources/sandbox``).
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from resources.ray_cluster import ClusterUnavailable, code_digest, connected

T = TypeVar("T")
R = TypeVar("R")
RETRIES = 20  # of a task whose machine was lost
TELL_S = 60.0  # of waiting for a shard before that is told
log = logging.getLogger(__name__)


class Work(Protocol):
    """``jobs``: shards that are worked on at once."""

    jobs: int

    def map(self, function: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """``function`` over ``shards``, results in their order, a bounded number in memory. Elsewhere function, shards and
        results are pickled. Raises what ``function`` raises."""
        ...


class Here:
    """In this process, one shard after the other."""

    jobs = 1

    def map(self, function: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """See ``Work``."""
        for shard in shards:  # not ``map``, to which a StopIteration of the function is the end of the shards
            yield function(shard)


class Processes:
    """In ``jobs`` processes of this machine."""

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or os.cpu_count() or 1

    def map(self, function: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """See ``Work``."""
        if self.jobs == 1:
            yield from HERE.map(function, shards)
            return
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=self.jobs, return_as="generator", pre_dispatch=self.jobs + 1, batch_size=1)
        yield from parallel(delayed(function)(shard) for shard in shards)


class RayTasks:
    """On all machines of the Ray cluster at ``address``, a core a shard; what a lost machine had is done again by another.

    Raises ``ClusterUnavailable`` where there is no cluster with a core, or a machine has other code than this one.
    """

    def __init__(self, address: str = "auto") -> None:
        self._ray = connected(address)
        self.jobs = int(self._ray.cluster_resources().get("CPU", 0))
        if self.jobs == 0:
            raise ClusterUnavailable("the Ray cluster has no cores (CPU): add a machine by `ray start --address=…`")

    def map(self, function: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """See ``Work``."""
        task = self._ray.remote(_with_this_code).options(num_cpus=1, max_retries=RETRIES)
        function_there = self._ray.put(function)
        waiting: deque[Any] = deque()
        try:
            for shard in shards:
                waiting.append(task.remote(code_digest(), function_there, shard))
                if len(waiting) > self.jobs:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for one in waiting:
                self._ray.cancel(one)

    def _result(self, asked: Any) -> Any:
        done, _ = self._ray.wait([asked], timeout=TELL_S)
        if not done and self._ray.available_resources().get("CPU", 0) < 1:
            log.warning("waiting for a core of the Ray cluster: other drivers have them all, or long shards are at work")
        return self._ray.get(asked)


def _with_this_code(digest: str, function: Callable[[T], R], shard: T) -> R:
    if code_digest() != digest:
        raise ClusterUnavailable("a machine has another ocr-assets than the driver: rows might differ; install the same version")
    return function(shard)


HERE = Here()
