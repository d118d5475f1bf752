"""Step 7: key figures, asked through the API: rolled up by the background task, and again after making all anew."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from analytics.actions import request_rebuild, request_rfm
from deploy.demo import visits
from deploy.demo.expected.figures import cohorts, monthly
from deploy.demo.report import Bar, Outcome
from deploy.demo.run import Run
from deploy.demo.steps.survey import simulated_answers
from deploy.demo.workspaces import Workspace

TITLE = "7 Key figures by month"
FIGURES = ("active_members", "repeat_purchase_rate", "clv", "churn")


def run(run: Run, bar: Bar, outcome: Outcome) -> None:
    points = 0
    for workspace in run.workspaces:
        slug = workspace.tenant.slug
        bar.show(f"{slug}: rolling up", force=True)
        run.work_off(workspace)
        before = _all(run, workspace)
        points += sum(len(found) for found in before.values())
        _check(run, workspace, before, outcome)
        with workspace.entered():
            request_rebuild()
            request_rfm()
        bar.show(f"{slug}: all of it anew", 1, 2, force=True)
        run.work_off(workspace)
        outcome.equal(f"{slug}: figures after rolling all up anew", _all(run, workspace), before)
    outcome.count = f"{points:,} points of {len(FIGURES) + 2} figures"


def _all(run: Run, workspace: Workspace) -> dict[str, list[dict[str, Any]]]:
    first = run.expected(workspace).one("SELECT min(moment)::DATE - 2 FROM purchase")
    found = {}
    for name in (*FIGURES, "cohort_retention", "nps"):
        url = f"{run.url}/api/v1/kpis/{name}?from={first:%Y-%m}&period=month"
        status, answer = visits.call("GET", url, run.keys[workspace.tenant.slug]["sk"])
        if status != 200:
            raise RuntimeError(f"{url} answered {status}: {answer}")
        found[name] = answer["points"]
    return found


def _check(run: Run, workspace: Workspace, found: dict[str, list[dict[str, Any]]], outcome: Outcome) -> None:
    slug, expected = workspace.tenant.slug, run.expected(workspace)
    today: date = datetime.now(UTC).astimezone(workspace.tenant.zone).date()
    for name in FIGURES:
        wanted = monthly(expected, name, today)
        actual = {point["from"]: _pair(name, point) for point in found[name] if point["from"] in wanted}
        outcome.equal(f"{slug}: {name}", actual, wanted)
    outcome.equal(
        f"{slug}: monthly cohort retention",
        {(point["from"], point["offset"]): point["numerator"] for point in found["cohort_retention"]},
        cohorts(expected, today),
    )
    answers = simulated_answers(run, workspace)
    scores = [point for point in found["nps"] if point["denominator"]]
    outcome.equal(
        f"{slug}: NPS",
        [(point["numerator"], point["denominator"]) for point in scores],
        [(sum(answer >= 9 for answer in answers) - sum(answer <= 6 for answer in answers), len(answers))],
    )


def _pair(name: str, point: dict[str, Any]) -> tuple[int, int]:
    if name == "active_members":
        return point["value"], 0
    numerator = round(point["numerator"] * 100) if name == "clv" else point["numerator"]
    return numerator, point["denominator"]
