"""What one unit of work costs: measured by the benchmark, else a cautious assumption that the plan names as such."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Costs:
    """Seconds that one process is busy with one unit, its waits for PostgreSQL included; bytes with indexes.

    The benchmark's name of `absorb_event_seconds` is `absorb.event_seconds`, and so on. The defaults are assumptions,
    taken while `unit_costs` in its results does not hold the name.
    """

    accept_request_seconds: float = 0.005  # a request with one event
    absorb_event_seconds: float = 0.0003  # one event out of many absorbed together
    segments_refresh_seconds: float = 0.0003  # one changed member through all rules
    segments_member_seconds: float = 0.00005  # one member in a full pass over all rules
    deliveries_create_seconds: float = 0.00002  # one delivery out of many
    email_send_seconds: float = 0.002  # one personalised e-mail
    storage_member_bytes: float = 3000.0
    storage_event_bytes: float = 900.0
    storage_delivery_bytes: float = 700.0
    storage_event_wal_bytes: float = 2500.0
    email_message_bytes: float = 30_000.0
    process_web_bytes: float = 180e6
    process_worker_bytes: float = 200e6


def benchmark_name(field: str) -> str:
    return field.replace("_", ".", 1)


def read_costs(results: Path) -> tuple[Costs, set[str]]:
    """The costs and the benchmark's names of those that were measured. No results yet: assumptions only."""
    try:
        found = json.loads(results.read_text()).get("unit_costs", {})
    except FileNotFoundError:
        found = {}
    measured = {
        field.name: float(value)
        for field in fields(Costs)
        if isinstance(value := found.get(benchmark_name(field.name)), int | float) and value > 0
    }
    return Costs(**measured), {benchmark_name(name) for name in measured}
