"""From numbers of the business to numbers of the machine. Every formula stands in docs/operators.md, in this order."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploy.capacity.costs import Costs

MB, GB = 1_000_000, 1_000_000_000
BUSIEST_HOUR = 0.10  # share of a day's events
UTILISATION = 0.6  # of a core: above it, waiting times grow steeply
# What PostgreSQL works while a process of this kind is busy.
WEB_SHARE, STREAM_SHARE, SEND_SHARE = 0.2, 0.8, 0.25
MEMBERS_CHANGED = 0.5  # members changed per event: the same person's events come together
WORKSPACE_LIMIT = 1.0  # the log of one workspace is absorbed by one process at a time
RECOMPUTE_SECONDS = 1800.0  # a full pass over all members may take half an hour of the night
FREE_DISK = 1.4  # room for a migration that rewrites a table, and for bloat
COMPRESSED = 0.35  # a base backup against the data
BASE_BACKUPS = 4
WAL_DAYS = 8
WAL_RESERVE = 8 * GB
THREADS = 4


@dataclass(frozen=True)
class Demand:
    members: int
    events_per_day: int
    campaign: int  # messages in the largest campaign
    within_minutes: float  # it must be out by then
    campaigns_per_month: int = 8
    keep_months: int = 25  # how long events and deliveries stay


@dataclass(frozen=True)
class Plan:
    events_per_second: float
    messages_per_second: float
    web_workers: int
    stream_concurrency: int
    send_concurrency: int
    slow_concurrency: int
    database_cores: int
    connections: int
    database_memory: int
    shared_buffers: int
    web_memory: int
    stream_memory: int
    send_memory: int
    slow_memory: int
    disk: int
    backup: int
    network_megabits: float
    warnings: tuple[str, ...]

    @property
    def cores(self) -> int:
        workers = self.stream_concurrency + self.send_concurrency + self.slow_concurrency
        return self.database_cores + math.ceil((self.web_workers + workers) * UTILISATION) + 1

    @property
    def memory(self) -> int:
        platform = self.web_memory + self.stream_memory + self.send_memory + self.slow_memory
        return self.database_memory + platform + 2 * GB  # Valkey, scheduler, system


def make_plan(demand: Demand, costs: Costs) -> Plan:
    events = demand.events_per_day * BUSIEST_HOUR / 3600
    messages = demand.campaign / (demand.within_minutes * 60)

    web_busy = events * costs.accept_request_seconds
    stream_busy = events * _stream_seconds(costs)
    send_busy = messages * costs.email_send_seconds
    web, stream, send = _processes(web_busy, least=2), _processes(stream_busy, least=2), _processes(send_busy, least=1)
    slow = _processes(demand.members * costs.segments_member_seconds / RECOMPUTE_SECONDS, least=1)
    database = WEB_SHARE * web_busy + STREAM_SHARE * stream_busy + SEND_SHARE * send_busy
    connections = _round_up((web * THREADS + stream + send + slow + 4) * 1.25 + 10, 50)

    days = demand.keep_months * 30.4
    month = demand.members * costs.storage_member_bytes + demand.events_per_day * 30.4 * costs.storage_event_bytes
    shared_buffers = _round_up(min(max(month / 4, 512 * MB), 16 * GB), 256 * MB)
    deliveries = demand.campaign * demand.campaigns_per_month * demand.keep_months
    data = (
        demand.members * costs.storage_member_bytes
        + demand.events_per_day * days * costs.storage_event_bytes
        + deliveries * costs.storage_delivery_bytes
    )
    wal = demand.events_per_day * costs.storage_event_wal_bytes

    return Plan(
        events_per_second=events,
        messages_per_second=messages,
        web_workers=web,
        stream_concurrency=stream,
        send_concurrency=send,
        slow_concurrency=slow,
        database_cores=_processes(database, least=2),
        connections=connections,
        database_memory=_round_up(max(2 * GB, 4 * shared_buffers + connections * 10 * MB), 512 * MB),
        shared_buffers=shared_buffers,
        web_memory=_memory(web, costs.process_web_bytes),
        stream_memory=_memory(stream, costs.process_worker_bytes),
        send_memory=_memory(send, costs.process_worker_bytes),
        slow_memory=_memory(slow, costs.process_worker_bytes),
        disk=_round_up(data * FREE_DISK + WAL_RESERVE, GB),
        backup=_round_up(BASE_BACKUPS * COMPRESSED * data + WAL_DAYS * wal * COMPRESSED, GB),
        network_megabits=messages * costs.email_message_bytes * 8 / 1e6,
        warnings=_warnings(events, messages, connections, demand, costs),
    )


def _warnings(events: float, messages: float, connections: int, demand: Demand, costs: Costs) -> tuple[str, ...]:
    found = []
    per_event = _stream_seconds(costs)
    if events * per_event > WORKSPACE_LIMIT * UTILISATION:
        found.append(
            f"One workspace can absorb about {UTILISATION / per_event:,.0f} events a second; yours peaks at "
            f"{events:,.0f}. With several workspaces this is no limit; a single one of this size needs sharding."
        )
    creating = demand.campaign * costs.deliveries_create_seconds
    if creating > demand.within_minutes * 60 * 0.25:
        found.append(f"Creating the deliveries alone takes {creating:,.0f} s of the {demand.within_minutes:g} minutes.")
    if connections > 400:
        found.append("More than 400 connections: put pgbouncer (transaction mode) before it, DATABASE_POOLED=true.")
    if messages > 500:
        found.append(f"{messages:,.0f} messages a second: ask your mail provider for its limit.")
    return tuple(found)


def _stream_seconds(costs: Costs) -> float:
    """Absorbing one event and refreshing whom it changed."""
    return costs.absorb_event_seconds + MEMBERS_CHANGED * costs.segments_refresh_seconds


def _processes(busy_cores: float, *, least: int) -> int:
    return max(least, math.ceil(round(busy_cores / UTILISATION, 6)))


def _memory(processes: int, each: float) -> int:
    """One more than run: the first process of gunicorn and Celery, and one that is being replaced."""
    return _round_up((processes + 1) * each * 1.3, 256 * MB)


def _round_up(value: float, step: int) -> int:
    return math.ceil(value / step) * step
