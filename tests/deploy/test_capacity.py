"""The capacity plan: figures that can be checked by hand, and files that Compose and the platform understand."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
import yaml

from deploy.capacity.costs import Costs, read_costs
from deploy.capacity.plan import GB, Demand, make_plan
from deploy.capacity.render import compose_override, postgres_file, postgres_settings
from deploy.paths import ROOT

DEMAND = Demand(members=1_000_000, events_per_day=3_600_000, campaign=360_000, within_minutes=60)
ROUND = Costs(
    accept_request_seconds=0.012,
    absorb_event_seconds=0.017,
    segments_refresh_seconds=0.002,
    segments_member_seconds=0.0018,
    deliveries_create_seconds=0.00001,
    email_send_seconds=0.006,
    storage_member_bytes=1000,
    storage_event_bytes=1000,
    storage_delivery_bytes=1000,
    storage_event_wal_bytes=1000,
    email_message_bytes=10_000,
    process_web_bytes=100e6,
    process_worker_bytes=100e6,
)


def test_plan_is_what_the_formulas_say() -> None:
    plan = make_plan(DEMAND, ROUND)
    assert plan.events_per_second == 100  # a tenth of the day in its busiest hour
    assert plan.messages_per_second == 100
    assert plan.web_workers == 2  # 100/s × 0.012 s ÷ 0.6
    assert plan.stream_concurrency == 3  # 100/s × (0.017 s + 0.5 × 0.002 s) ÷ 0.6
    assert plan.send_concurrency == 1  # 100/s × 0.006 s ÷ 0.6
    assert plan.slow_concurrency == 2  # 1,000,000 × 0.0018 s ÷ 1,800 s ÷ 0.6
    assert plan.database_cores == 4  # (0.2 × 1.2 + 0.8 × 1.8 + 0.25 × 0.6) ÷ 0.6 = 3.05
    assert plan.connections == 50  # (2 × 4 + 3 + 1 + 2 + 4) × 1.25 + 10 = 32.5, in steps of 50
    data = 1e9 + 3.6e9 * 25 * 30.4 + 360_000 * 8 * 25 * 1000
    assert plan.disk == pytest.approx(data * 1.4 + 8 * GB, abs=GB)
    assert plan.backup == pytest.approx(4 * 0.35 * data + 8 * 3.6e9 * 0.35, abs=GB)
    assert plan.network_megabits == 8
    assert plan.warnings != ()  # 100/s × 0.018 s is more than one absorber of one workspace can do


@pytest.mark.parametrize("field", ["members", "events_per_day", "campaign"])
def test_more_work_never_needs_less(field: str) -> None:
    small = make_plan(DEMAND, ROUND)
    large = make_plan(dataclasses.replace(DEMAND, **{field: getattr(DEMAND, field) * 10}), ROUND)
    for name, value in dataclasses.asdict(small).items():
        if isinstance(value, int | float):
            assert getattr(large, name) >= value, name


def test_measured_costs_replace_assumptions_and_nonsense_does_not(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    assert read_costs(results) == (Costs(), set())
    results.write_text(json.dumps({"unit_costs": {"storage.event_bytes": 500, "email.send_seconds": 0, "unknown": 1}}))
    assert read_costs(results) == (Costs(storage_event_bytes=500), {"storage.event_bytes"})


def test_override_changes_only_what_the_compose_file_has() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    override = yaml.safe_load(compose_override(make_plan(DEMAND, ROUND), DEMAND))
    assert set(override["services"]) <= set(compose["services"])
    for name, service in override["services"].items():
        assert set(service.get("environment", {})) <= set(compose["services"][name].get("environment", {})), name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
    assert override["services"]["worker-stream"]["environment"] == {"WORKER_CONCURRENCY": "3"}
    kept = {option.partition("=")[0] for option in compose["services"]["postgres"]["command"]}
    assert kept <= {option.partition("=")[0] for option in override["services"]["postgres"]["command"]}


def test_postgresql_knows_every_setting(sql_settings: set[str]) -> None:
    plan = make_plan(DEMAND, ROUND)
    assert set(postgres_settings(plan)) - sql_settings == set()
    assert f"max_connections = '{plan.connections}'" in postgres_file(plan, DEMAND)


@pytest.fixture
def sql_settings() -> set[str]:
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_settings UNION SELECT 'shared_preload_libraries'")
        names = {str(name) for (name,) in cursor.fetchall()}
    connection.close()
    return names


def test_command_writes_both_files_but_never_over_a_hand_written_one(tmp_path: Path) -> None:
    numbers = ["--members", "50,000", "--events-per-day", "100000", "--campaign", "20000", "--within", "30"]
    command = [sys.executable, str(ROOT / "run.py"), "capacity", *numbers, "--output", str(tmp_path)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    override = tmp_path / "docker-compose.override.yml"
    assert sorted(path.name for path in tmp_path.iterdir()) == [override.name, "postgresql.capacity.conf"]
    override.write_text("services: {}\n")
    refused = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (refused.returncode, override.read_text()) == (1, "services: {}\n")
    assert "written by hand" in refused.stderr
