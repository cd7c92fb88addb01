"""What the server tells of itself, in Prometheus' format (``GET /metrics``)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ocr_assets.serving.rewards.gate import Gate
from resources.sandbox.pool import Pool

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Requests, verdicts and runs counted; how full the server is and what broke are asked of ``gate`` and ``pool``."""

    def __init__(self, gate: Gate, pool: Pool) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("ocr_requests", "Requests answered", ["path", "status"], registry=self._registry)
        self.seconds = Histogram(
            "ocr_request_seconds", "From a request's first byte to its answer", ["path"], buckets=SECONDS, registry=self._registry
        )
        self.verdicts = Counter("ocr_verdicts", "Verdicts given", ["verdict"], registry=self._registry)
        self.runs = Counter("ocr_runs", "Programs run for run_code, by status", ["status"], registry=self._registry)
        self._registry.register(_Now(gate, pool))

    def text(self) -> bytes:
        return generate_latest(self._registry)


class _Now(Collector):
    def __init__(self, gate: Gate, pool: Pool) -> None:
        self._gate, self._pool = gate, pool

    def collect(self) -> Iterator[Metric]:
        load = self._gate.load
        waiting = max(0, load.taken - load.running)
        yield GaugeMetricFamily("ocr_programs_running", "Programs at work", load.running)
        yield GaugeMetricFamily("ocr_programs_waiting", "Programs taken on that wait for a place", waiting)
        yield GaugeMetricFamily("ocr_places", "Programs at work at most", self._gate.places)
        yield GaugeMetricFamily("ocr_program_seconds", "Average seconds of a program", load.mean_s)
        yield CounterMetricFamily("ocr_sandbox_faults", "Sandboxes that broke and were replaced", self._pool.faults)
