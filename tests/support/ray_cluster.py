"""A Ray cluster on loopback: its nodes are processes of this machine, one core each. Ended, files and all, with the block."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_worker_niceness": "0"}


class Nodes:
    """``address`` for ``OCR_RAY_ADDRESS``; ``add`` and ``kill`` nodes with sandboxes."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address

    def add(self, **resources: float) -> Any:
        return self._cluster.add_node(num_cpus=1, resources=resources or {"docker": 1}, object_store_memory=100 << 20)

    def kill(self, node: Any) -> None:
        """As a power cut: nothing is said to anybody."""
        self._cluster.remove_node(node, allow_graceful=False)


@contextmanager
def ray_nodes(count: int = 2) -> Iterator[Nodes]:
    """A head without sandboxes and ``count`` nodes with them. This process is connected to none."""
    import ray
    from ray.cluster_utils import Cluster

    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path must be short
    (folder / "ray").mkdir()
    environment = {**QUIET, "RAY_TMPDIR": str(folder)}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    cluster = None
    try:
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 100 << 20, "temp_dir": str(folder / "ray")}
        system = {"health_check_period_ms": 500, "health_check_timeout_ms": 1000, "health_check_failure_threshold": 3}
        cluster = Cluster(initialize_head=True, head_node_args={**head, "_system_config": system})
        nodes = Nodes(cluster)
        for _ in range(count):
            nodes.add()
        yield nodes
    finally:
        ray.shutdown()
        if cluster is not None:
            cluster.shutdown()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        shutil.rmtree(folder, ignore_errors=True)
