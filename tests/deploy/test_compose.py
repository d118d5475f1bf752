"""docker-compose.yml, .env.example, the entrypoint and the settings speak of the same variables."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from deploy.make_secrets import write_secrets
from deploy.paths import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PLATFORM = [name for name, service in COMPOSE["services"].items() if "build" in service]
ROLES = {"web", "worker", "beat", "migrate", "mail"}


def settings_variables() -> dict[str, bool]:
    """Every variable that the platform reads → whether it must be given."""
    calls: dict[str, bool] = {}
    for file in (ROOT / "urm").rglob("*.py"):
        for name, rest in re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"\s*(,|\))', file.read_text()):
            calls[name] = calls.get(name, False) or rest == ")"
    return calls


def launch_variables() -> set[str]:
    """Those that the entrypoint, gunicorn and the scheduler read."""
    entrypoint = (ROOT / "deploy/entrypoint").read_text()
    python = (ROOT / "deploy/gunicorn_conf.py").read_text() + (ROOT / "deploy/scheduler.py").read_text()
    return set(re.findall(r"\$\{([A-Z_]+)", entrypoint)) | set(re.findall(r'environ\.get\("([A-Z_]+)"', python))


def example_variables() -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_every_variable_of_a_container_is_read_by_the_platform() -> None:
    known = set(settings_variables()) | launch_variables()
    for name in PLATFORM:
        given = {variable.removesuffix("_FILE") for variable in COMPOSE["services"][name]["environment"]}
        assert given - known == set(), name


def test_every_setting_without_default_is_provided() -> None:
    required = {name for name, must in settings_variables().items() if must}
    assert {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"} <= required
    for name in [name for name in PLATFORM if name != "mail"]:
        given = {variable.removesuffix("_FILE") for variable in COMPOSE["services"][name]["environment"]}
        assert required - given == set(), name


def test_every_substituted_variable_has_a_default_and_is_explained() -> None:
    substituted = re.findall(r"(?<!\$)\$\{([A-Z_]+)(:-)?", (ROOT / "docker-compose.yml").read_text())
    assert [name for name, default in substituted if not default] == []
    assert {name for name, _ in substituted} - example_variables() == set()


def test_example_explains_every_setting_and_nothing_else() -> None:
    substituted = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    # Set by the compose file itself, per container.
    fixed = {"WEB_BIND", "WORKER_QUEUES", "WORKER_NAME", "WORKER_CONCURRENCY", "MAIL_FOLDER"}
    assert example_variables() == (set(settings_variables()) | launch_variables() | substituted) - fixed


def test_every_secret_file_is_made_mounted_and_declared(tmp_path: Path) -> None:
    written = write_secrets(tmp_path / "secrets")
    assert set(written) == set(COMPOSE["secrets"])
    assert write_secrets(tmp_path / "secrets") == []
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    for name, service in COMPOSE["services"].items():
        mounted = set(service.get("secrets", []))
        named = {
            str(value).removeprefix("/run/secrets/")
            for variable, value in service.get("environment", {}).items()
            if variable.endswith("_FILE")
        }
        assert mounted <= set(COMPOSE["secrets"]), name
        assert named <= mounted, name
    database = urlsplit((tmp_path / "secrets/database_url").read_text().strip())
    assert (database.username, database.hostname, database.path) == ("urm_app", "postgres", "/urm")
    assert database.password == (tmp_path / "secrets/app_password").read_text().strip()


def test_every_service_has_limits_a_health_check_and_a_restart_policy() -> None:
    for name, service in COMPOSE["services"].items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert "restart" in service, name
        assert ("healthcheck" in service) == (name != "migrate"), name


def test_every_volume_is_named_and_every_mounted_file_exists() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith("./") else source in COMPOSE["volumes"], volume


def test_platform_containers_run_a_known_role_without_rights() -> None:
    assert {COMPOSE["services"][name]["command"][0] for name in PLATFORM} == ROLES
    entrypoint = (ROOT / "deploy/entrypoint").read_text()
    assert set(re.findall(r"^([a-z]+)\)$", entrypoint, re.MULTILINE)) == ROLES
    for name in PLATFORM:
        service = COMPOSE["services"][name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
    assert re.search(r"^USER 10001:10001$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)


def test_every_queue_has_a_worker() -> None:
    workers = [service for service in COMPOSE["services"].values() if service.get("command") == ["worker"]]
    named = re.findall(r'queue="(\w+)"', "".join(file.read_text() for file in ROOT.glob("[!.]*/**/*.py")))
    assert {"stream"} | set(named) <= {service["environment"]["WORKER_QUEUES"] for service in workers}
