"""The main job: workspaces, then the steps; done once for a database."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from django.conf import settings

from deploy.demo.live import run_live
from deploy.demo.report import Bar, Check, Outcome, table
from deploy.demo.run import Run
from deploy.demo.source import Source
from deploy.demo.steps import STEPS, points
from deploy.demo.workspaces import PASSWORD, api_keys, find_workspaces, make_workspaces, remember, remembered
from deploy.paths import state_folder
from urm.tenancy.models import Tenant
from urm.tenancy.roles import ROLES


def run_main_job(*, households: int | None = None) -> tuple[list[Outcome], str]:
    """Returns the outcome of each step and what to print; no outcomes when an earlier run did it all.

    A run that was interrupted goes on with the same dates: every step takes up what it finds.
    """
    found = find_workspaces()
    if found and remembered(found[0], "demo.finish") is not None:
        return [], _kept(api_keys(found))
    source = Source(households=households)
    workspaces = make_workspaces(source.households, source.every_tenth())
    keys = api_keys(workspaces)
    first = workspaces[0]
    if begun := remembered(first, "demo.start"):
        source.weeks = begun["weeks"]
    else:
        remember(first, "demo.start", weeks=source.weeks)
    run = Run(source, workspaces, settings.PUBLIC_URL, os.environ.get("MAIL_SINK_URL", ""), keys)
    for workspace in workspaces:
        with workspace.entered():
            points.set_up(workspace)
    _notes().unlink(missing_ok=True)
    outcomes = []
    for step in STEPS:
        bar, outcome = Bar(step.TITLE), Outcome(step.TITLE)
        step.run(run, bar, outcome)
        bar.finish(outcome)
        outcomes.append(outcome)
    if all(outcome.passed for outcome in outcomes):
        remember(first, "demo.finish")
    _notes().write_text(json.dumps([asdict(outcome) for outcome in outcomes]))
    return outcomes, _closing(outcomes, keys)


def run_last_step() -> tuple[list[Outcome], str]:
    """The live step, once, and the closing table of all steps; on later starts only how to log in."""
    workspaces = find_workspaces()
    keys = api_keys(workspaces)
    if remembered(workspaces[0], "demo.live") is not None:
        return [], _kept(keys)
    if not _notes().exists():
        raise SystemExit("the main job did not come to its end (see above)")
    outcomes = [
        Outcome(**{**one, "checks": [Check(**check) for check in one["checks"]]})
        for one in json.loads(_notes().read_text())
    ]
    outcomes.append(run_live(workspaces, keys))
    if outcomes[-1].passed:
        remember(workspaces[0], "demo.live")
    return outcomes, _closing(outcomes, keys)


def _notes() -> Path:
    """Where the outcomes wait for the last step."""
    return state_folder() / "demo-outcomes.json"


def _closing(outcomes: list[Outcome], keys: dict[str, dict[str, str]]) -> str:
    seconds = sum(outcome.seconds for outcome in outcomes)
    return f"\n{table(outcomes)}\n{seconds:>96.1f}\n\n{_log_ins(keys)}"


def _kept(keys: dict[str, dict[str, str]]) -> str:
    return "The demo's data are there; `--fresh` begins anew.\n\n" + _log_ins(keys)


def _log_ins(keys: dict[str, dict[str, str]]) -> str:
    """That people are made up is said here and in the workspaces' names."""
    lines = [
        "The purchases are real (completejourney: a grocery retailer's year, moved to now); names, e-mail addresses,",
        "consents, clicks and answers are made up.",
        "",
        f"Log-ins (password of all: {PASSWORD})",
    ]
    for tenant in Tenant.objects.filter(slug__in=keys).order_by("pk"):
        lines += [
            f"  {tenant.name}: {settings.PUBLIC_URL}/w/{tenant.slug}/admin/",
            f"    {'|'.join(ROLES)}@{tenant.slug}.example.com",
            f"    secret key {keys[tenant.slug]['sk']}",
            f"    publishable key {keys[tenant.slug]['pk']}",
        ]
    return "\n".join(lines)
