"""What one unit of work costs: measured by the benchmark, else a cautious assumption that the plan names as such."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Costs:
    """Times are CPU seconds of one core, web or worker process and PostgreSQL apart; sizes are bytes with indexes.

    The defaults are assumptions, taken when `unit_costs` in the benchmark's results does not hold the name.
    """

    accept_web_seconds: float = 0.004  # one event in a request of its own
    accept_database_seconds: float = 0.0004
    absorb_worker_seconds: float = 0.00008  # one event out of many absorbed together, all consumers included
    absorb_database_seconds: float = 0.00025
    refresh_database_seconds: float = 0.0002  # one changed member through all rules
    recompute_database_seconds: float = 0.00005  # one member in a full pass over 50 rules
    send_worker_seconds: float = 0.0015  # one personalised e-mail
    send_database_seconds: float = 0.0003
    create_delivery_seconds: float = 0.00002
    member_bytes: float = 3000.0
    event_bytes: float = 900.0
    event_wal_bytes: float = 2500.0
    delivery_bytes: float = 700.0
    message_bytes: float = 30_000.0
    web_process_bytes: float = 180e6
    worker_process_bytes: float = 200e6


def read_costs(results: Path) -> tuple[Costs, set[str]]:
    """The costs and the names of those that were measured. No results yet: assumptions only."""
    try:
        document = json.loads(results.read_text())
    except FileNotFoundError:
        return Costs(), set()
    known = {field.name for field in fields(Costs)}
    measured = {
        name: float(value)
        for name, value in document.get("unit_costs", {}).items()
        if name in known and isinstance(value, int | float) and value > 0
    }
    return Costs(**measured), set(measured)
