"""Step 6: an NPS survey goes out after a fresh purchase; answers come in through the public page.

Purchases, answers and who answers are made up; the answers are marked as simulated.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import sqrt

from deploy.demo import visits
from deploy.demo.report import Bar, Outcome
from deploy.demo.run import Run, fresh_purchases
from deploy.demo.workspaces import Workspace, remember, remembered
from feedback.actions import create_survey, link_of
from feedback.models import Invitation, Response, Survey
from feedback.queries import nps_of
from members.models import Member
from members.queries import timeline

TITLE = "6 Survey after a purchase, NPS"
NAME = "After a purchase (NPS)"
TITLES = ("How was your shopping?", "您的购物体验如何？")
BUYERS = {"harvest": 150, "fengshou": 60}
_ANSWERS = (10, 9, 9, 8, 7, 10, 6, 9, 5, 10, 3)


def run(run: Run, bar: Bar, outcome: Outcome) -> None:
    sent = answered = 0
    for workspace in run.workspaces:
        with workspace.entered():
            survey = Survey.objects.filter(name=NAME).first() or _create()
            asked = _buy(run, workspace)
            bar.show(f"{workspace.tenant.slug}: sending", force=True)
            run.work_off(workspace)
            answered += _answer(survey, bar)
            run.work_off(workspace)
            sent += len(asked)
            _check(run, workspace, survey, asked, outcome)
    outcome.count = f"{sent:,} invitations, {answered:,} answers (simulated)"


def _create() -> Survey:
    return create_survey(
        name=NAME,
        title_en=TITLES[0],
        title_zh=TITLES[1],
        thanks_en="Thank you. We read every answer.",
        thanks_zh="谢谢！我们会阅读每一份回答。",
        trigger_event="purchase",
        rest_days=90,
        active=True,
        questions=[
            {
                "kind": "nps",
                "text_en": "How likely are you to recommend us to a friend?",
                "text_zh": "您有多大可能向朋友推荐我们？",
            },
            {
                "kind": "text",
                "text_en": "What could we do better?",
                "text_zh": "我们哪里可以做得更好？",
                "required": False,
            },
        ],
    )


def _buy(run: Run, workspace: Workspace) -> list[int]:
    """Those who bought last and may be written to buy once more, just now, through the API; their households."""
    expected = run.expected(workspace)
    slug = workspace.tenant.slug
    limit = min(BUYERS[slug], len(workspace.households) // 2)
    buyers = [
        row[0]
        for row in expected.rows(
            "SELECT household FROM purchase WHERE basket > 0 AND household % 10 <= 6 GROUP BY 1 "
            "ORDER BY max(moment) DESC, 1 LIMIT $limit",
            limit=limit,
        )
    ]
    if remembered(workspace, "demo.fresh") is None:
        moment = datetime.now(UTC).replace(microsecond=0)
        purchases = fresh_purchases(buyers, moment)
        events = [
            {
                "event_id": f"fresh-{household}",
                "external_id": str(household),
                "name": "purchase",
                "occurred_at": at.isoformat(),
                "amount": str(amount),
                "properties": {"made_up": True},
            }
            for household, at, amount in purchases
        ]
        status, answer = visits.call("POST", f"{run.url}/api/v1/events", run.keys[slug]["sk"], events)
        if status != 202:
            raise RuntimeError(f"the API answered {status}: {json.dumps(answer)[:300]}")
        remember(workspace, "demo.fresh", moment=moment.isoformat(), buyers=buyers)
        expected.add_purchases(purchases)
    return buyers


def _answer_of(household: int) -> int | None:
    """What the made-up member answers; one in six does not."""
    return None if household % 6 == 0 else _ANSWERS[household % len(_ANSWERS)]


def simulated_answers(run: Run, workspace: Workspace) -> list[int]:
    """All answers that were given in the workspace."""
    with workspace.entered():
        buyers = (remembered(workspace, "demo.fresh") or {"buyers": []})["buyers"]
    return [answer for household in buyers if (answer := _answer_of(household)) is not None]


def _answer(survey: Survey, bar: Bar) -> int:
    question = survey.questions.get(kind="nps")
    requests: list[tuple[str, dict[str, str] | None]] = []
    for invitation in Invitation.objects.filter(survey=survey, answered=False).select_related("member"):
        answer = _answer_of(int(invitation.member.external_id or 0))
        if answer is not None:
            requests.append((link_of(invitation, simulated=True), {f"q{question.pk}": str(answer)}))
    bar.show("answering", force=True)
    statuses = visits.fetch_all(requests)
    if wrong := [status for status in statuses if status != 303]:
        raise RuntimeError(f"the survey page answered {wrong[0]}")
    return Response.objects.filter(survey=survey).count()


def _check(run: Run, workspace: Workspace, survey: Survey, asked: list[int], outcome: Outcome) -> None:
    slug = workspace.tenant.slug
    addresses = dict(Member.objects.values_list("external_id", "email"))
    outcome.equal(
        f"{slug}: an invitation for everyone who bought",
        sorted(Invitation.objects.filter(survey=survey, state="sent").values_list("member__external_id", flat=True)),
        sorted(str(household) for household in asked),
    )
    received = sorted(mail.recipient for mail in run.received(TITLES[workspace.chinese]))
    outcome.equal(
        f"{slug}: one mail each in the sink", received, sorted(str(addresses[str(household)]) for household in asked)
    )
    answers = [answer for household in asked if (answer := _answer_of(household)) is not None]
    n = len(answers)
    promoters = sum(answer >= 9 for answer in answers) / n
    detractors = sum(answer <= 6 for answer in answers) / n
    margin = 1.96 * 100 * sqrt((promoters + detractors - (promoters - detractors) ** 2) / n)
    score, simulated = nps_of(survey)
    outcome.equal(f"{slug}: answers, all marked as simulated", (score.n, simulated), (n, n))
    outcome.equal(
        f"{slug}: NPS and its margin",
        (round(score.score or 0.0, 6), round(score.margin or 0.0, 2)),
        (round(100 * (promoters - detractors), 6), round(margin, 2)),
    )
    one = Response.objects.filter(survey=survey).select_related("member").order_by("pk")[0]
    assert one.member is not None
    outcome.equal(
        f"{slug}: the answer stands in the timeline",
        [(entry.name, entry.properties["simulated"]) for entry in timeline(one.member, names=["urm.survey.answered"])],
        [("urm.survey.answered", True)],
    )
