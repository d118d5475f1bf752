"""The plan as a table, as an override for docker-compose.yml and as settings for a PostgreSQL of one's own."""

from __future__ import annotations

from deploy.capacity.plan import GB, MB, THREADS, Demand, Plan

MARK = "# Written by: python3 run.py capacity"


def megabytes(size: int) -> str:
    return f"{size // MB}MB"


def table(plan: Plan) -> str:
    rows = [
        ("events in the busiest hour", f"{plan.events_per_second:,.1f} / s"),
        ("messages during the campaign", f"{plan.messages_per_second:,.1f} / s"),
        ("web processes × threads", f"{plan.web_workers} × {THREADS}"),
        ("worker processes stream / send / slow", _three(plan)),
        ("PostgreSQL cores", str(plan.database_cores)),
        (
            "PostgreSQL memory (shared_buffers)",
            f"{plan.database_memory / GB:.1f} GB ({megabytes(plan.shared_buffers)})",
        ),
        ("PostgreSQL connections", str(plan.connections)),
        ("cores in all", str(plan.cores)),
        ("memory in all", f"{plan.memory / GB:.1f} GB"),
        ("disk of the database", f"{plan.disk / GB:,.0f} GB"),
        ("backup storage", f"{plan.backup / GB:,.0f} GB"),
        ("network during the campaign", f"{plan.network_megabits:,.0f} Mbit / s"),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    return "\n".join([*lines, *(f"  ! {warning}" for warning in plan.warnings)])


def _three(plan: Plan) -> str:
    return f"{plan.stream_concurrency} / {plan.send_concurrency} / {plan.slow_concurrency}"


def postgres_settings(plan: Plan) -> dict[str, str]:
    memory = plan.database_memory
    return {
        "shared_preload_libraries": "pg_stat_statements",
        "max_connections": str(plan.connections),
        "shared_buffers": megabytes(plan.shared_buffers),
        "effective_cache_size": megabytes(int(memory * 0.75)),
        "maintenance_work_mem": megabytes(min(2 * GB, max(256 * MB, memory // 16))),
        "work_mem": megabytes(min(64 * MB, max(8 * MB, memory // 8 // plan.connections))),
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "wal_compression": "on",
        "max_worker_processes": str(max(8, plan.database_cores)),
        "max_parallel_workers": str(plan.database_cores),
        "autovacuum_max_workers": str(max(3, plan.database_cores // 4)),
    }


def postgres_file(plan: Plan, demand: Demand) -> str:
    lines = [f"{name} = '{value}'" for name, value in postgres_settings(plan).items()]
    return "\n".join([*_head(demand), *lines, ""])


def compose_override(plan: Plan, demand: Demand) -> str:
    def worker(name: str, concurrency: int, memory: int) -> list[str]:
        return [
            f"  worker-{name}:",
            f'    environment: {{WORKER_CONCURRENCY: "{concurrency}"}}',
            f'    deploy: {{resources: {{limits: {{cpus: "{concurrency}", memory: {memory // MB}m}}}}}}',
        ]

    database = f'cpus: "{plan.database_cores}", memory: {plan.database_memory // MB}m'
    return "\n".join(
        [
            *_head(demand),
            "services:",
            "  web:",
            f'    environment: {{WEB_WORKERS: "{plan.web_workers}", WEB_THREADS: "{THREADS}"}}',
            f'    deploy: {{resources: {{limits: {{cpus: "{plan.web_workers}", memory: {plan.web_memory // MB}m}}}}}}',
            *worker("stream", plan.stream_concurrency, plan.stream_memory),
            *worker("send", plan.send_concurrency, plan.send_memory),
            *worker("slow", plan.slow_concurrency, plan.slow_memory),
            "  postgres:",
            f"    shm_size: {max(256, plan.shared_buffers // MB // 4)}m",
            f"    deploy: {{resources: {{limits: {{{database}}}}}}}",
            "    command:",
            "      - postgres",
            *(f"      - -c{name}={value}" for name, value in postgres_settings(plan).items()),
            "",
        ]
    )


def _head(demand: Demand) -> list[str]:
    numbers = (
        f"#   --members {demand.members} --events-per-day {demand.events_per_day} "
        f"--campaign {demand.campaign} --within {demand.within_minutes:g}"
    )
    return [MARK, numbers]
