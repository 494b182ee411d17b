"""What the operator tells of itself: JSON logs keyed by object, and its own metrics."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_context: ContextVar[dict[str, str] | None] = ContextVar("log_context", default=None)


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Every log line inside carries these fields, such as object and intervention."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what the line is about."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for a record; a traceback goes into one field of it."""
        line = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(_context.get() or {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Send every logger through one JSON handler on standard error; kopf's chatter only from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("kopf", "asyncio", "aiohttp", "urllib3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


class Telemetry:
    """The operator's own metrics, all under vanguard_."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register the metrics.

        Args:
            registry: where; a test brings its own.
        """
        self.registry = registry
        self.decisions = Counter(
            "vanguard_decisions",
            "Gate decisions by outcome and reason.",
            ["outcome", "reason"],
            registry=registry,
        )
        self.gates = Counter(
            "vanguard_gate_answers",
            "Answers of gates at each look, by gate, verdict (Pass, Hold, Deny) and reason.",
            ["gate", "verdict", "reason"],
            registry=registry,
        )
        self.interventions = Gauge(
            "vanguard_interventions",
            "Interventions there are, by phase and verdict.",
            ["phase", "verdict"],
            registry=registry,
        )
        self.transitions = Counter(
            "vanguard_transitions",
            "Phases entered, by phase and reason.",
            ["phase", "reason"],
            registry=registry,
        )
        self.cycle_seconds = Histogram(
            "vanguard_cycle_seconds",
            "Wall time of one detection cycle.",
            registry=registry,
            buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300),
        )
        self.cycle_errors = Counter("vanguard_cycle_errors", "Detection cycles that failed.", registry=registry)
        self.series = Gauge("vanguard_series", "Series held, by pattern.", ["pattern"], registry=registry)
        self.alerts = Gauge("vanguard_alerts", "Alerts by pattern and state.", ["pattern", "state"], registry=registry)
        self.query_errors = Counter(
            "vanguard_query_errors",
            "Queries that gave no whole answer, by pattern.",
            ["pattern"],
            registry=registry,
        )
        self.api_writes = Counter(
            "vanguard_api_writes",
            "Writes to the API server, by verb, kind and dry run.",
            ["verb", "kind", "dry_run"],
            registry=registry,
        )
        self.last_cycle = Gauge(
            "vanguard_last_cycle_timestamp_seconds", "When the last detection cycle ended.", registry=registry
        )
        self.reconcile_errors = Counter(
            "vanguard_reconcile_errors",
            "Reconciles that ended in an error, by kind.",
            ["kind"],
            registry=registry,
        )
        self.breaker = Gauge(
            "vanguard_breaker_open", "1 while the circuit breaker holds everything.", registry=registry
        )
        self.notifications = Counter(
            "vanguard_notifications",
            "Messages to people, by notifier, level and result (Sent, Retry, Failed).",
            ["notifier", "level", "result"],
            registry=registry,
        )
        self.commits = Counter(
            "vanguard_commits",
            "Attempts to commit to a git repository, by repository, purpose and result (Sent, Retry, Failed).",
            ["repository", "purpose", "result"],
            registry=registry,
        )
        self.vital = Gauge(
            "vanguard_vital",
            "1 while one of the operator's own senses is as it should be, by name; else 0.",
            ["name"],
            registry=registry,
        )
        self.storm = Gauge(
            "vanguard_storm", "1 while so many targets trend together that all are held.", registry=registry
        )
        self.leader = Gauge("vanguard_leader", "1 while this process holds the Lease.", registry=registry)
