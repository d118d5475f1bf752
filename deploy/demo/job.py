"""The main job: workspaces, then the steps; done once for a database."""

from __future__ import annotations

import os

from django.conf import settings

from deploy.demo.report import Bar, Outcome, table
from deploy.demo.run import Run
from deploy.demo.source import Source
from deploy.demo.steps import STEPS, points
from deploy.demo.workspaces import PASSWORD, api_keys, make_workspaces, remember, remembered
from urm.tenancy.models import Tenant
from urm.tenancy.roles import ROLES


def run_main_job(*, households: int | None = None) -> tuple[list[Outcome], str]:
    """Returns the outcome of each step and what to print; no outcomes when an earlier run did it all.

    A run that was interrupted goes on with the same dates: every step takes up what it finds.
    """
    source = Source(households=households)
    workspaces = make_workspaces(source.households, source.every_tenth())
    keys = api_keys(workspaces)
    first = workspaces[0]
    if remembered(first, "demo.finish") is not None:
        return [], "The demo's data are there; `--fresh` begins anew.\n\n" + _log_ins(keys)
    if begun := remembered(first, "demo.start"):
        source.weeks = begun["weeks"]
    else:
        remember(first, "demo.start", weeks=source.weeks)
    run = Run(source, workspaces, settings.PUBLIC_URL, os.environ.get("MAIL_SINK_URL", ""), keys)
    for workspace in workspaces:
        with workspace.entered():
            points.set_up(workspace)
    outcomes = []
    for step in STEPS:
        bar, outcome = Bar(step.TITLE), Outcome(step.TITLE)
        step.run(run, bar, outcome)
        bar.finish(outcome)
        outcomes.append(outcome)
    if all(outcome.passed for outcome in outcomes):
        remember(first, "demo.finish")
    return outcomes, f"\n{table(outcomes)}\n\n{_log_ins(keys)}"


def _log_ins(keys: dict[str, dict[str, str]]) -> str:
    """That people are made up is said here and in the workspaces' names."""
    lines = [
        "The purchases are real (completejourney: a grocery retailer's year, moved to now); names, e-mail addresses,",
        "consents, clicks and answers are made up.",
        "",
        f"Log-ins (password of all: {PASSWORD})",
    ]
    for tenant in Tenant.objects.filter(slug__in=keys).order_by("pk"):
        lines.append(f"  {tenant.name}: {settings.PUBLIC_URL}/w/{tenant.slug}/admin/")
        lines.append("    " + ", ".join(f"{role}@{tenant.slug}.example.com" for role in ROLES))
        lines.append(f"    secret key {keys[tenant.slug]['sk']}")
        lines.append(f"    publishable key {keys[tenant.slug]['pk']}")
    return "\n".join(lines)
