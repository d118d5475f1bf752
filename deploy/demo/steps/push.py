"""Step 4: a scheduled, personalised e-mail to lapsing big spenders who consented; then openings, clicks, one farewell.

Who opens and clicks is made up; the visits themselves are real, to the addresses that stand in the received mails.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from campaigns.actions.campaigns import create_campaign, schedule_campaign
from campaigns.actions.messages import create_message
from campaigns.models import Campaign
from campaigns.models import Run as CampaignRun
from campaigns.queries.report import report_of
from deploy.demo import visits
from deploy.demo.expected.segments import segment as expected_segment
from deploy.demo.people import person
from deploy.demo.report import Bar, Outcome
from deploy.demo.run import ReceivedMail, Run
from deploy.demo.steps.segments import SEGMENTS, segment_of
from deploy.demo.workspaces import Workspace
from members.models import Consent, Member
from members.queries import timeline

TITLE = "4 Scheduled push to lapsing members"
NAMES = ("We miss you", "好久不见")
SUBJECTS = ("{{ member.first_name }}, your weekly basket is waiting", "{{ member.name }}，您的每周购物篮已备好")
BODIES = (
    "<p>Hello {{ member.first_name }},</p>"
    "<p>your last purchase was on {{ last_purchase.date | date: '%Y-%m-%d' }} for {{ last_purchase.amount | money }}, "
    "and {{ loyalty.points | number }} points wait for you.</p>"
    "<p>{{ segment.value_proposition }}</p>"
    '<p><a href="https://example.com/basket">Pack my basket</a></p>'
    '<p><a href="{{ unsubscribe_url }}">No more of this</a></p>',
    "<p>{{ member.name }}，您好：</p>"
    "<p>您上次购物是 {{ last_purchase.date | date: '%Y-%m-%d' }}，金额 {{ last_purchase.amount | money }}，"
    "您有 {{ loyalty.points | number }} 积分可用。</p>"
    "<p>{{ segment.value_proposition }}</p>"
    '<p><a href="https://example.com/basket">打包我的购物篮</a></p>'
    '<p><a href="{{ unsubscribe_url }}">退订</a></p>',
)
_PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"}


def run(run: Run, bar: Bar, outcome: Outcome) -> None:
    sent = 0
    for workspace in run.workspaces:
        slug = workspace.tenant.slug
        with workspace.entered():
            campaign = Campaign.objects.filter(name=NAMES[workspace.chinese]).first() or _schedule(workspace)
            while campaign.state == Campaign.State.SCHEDULED and campaign.scheduled_at:
                bar.show(f"{slug}: waiting for the hour", force=True)
                time.sleep(max(0.0, (campaign.scheduled_at - timezone.now()).total_seconds()) + 0.05)
                run.work_off(workspace)
                campaign.refresh_from_db()
            bar.show(f"{slug}: opening and clicking", 1, 2, force=True)
            mails = run.received(_ending(workspace))
            reactions = _react(mails)
            run.work_off(workspace)
            _check(run, workspace, campaign, mails, outcome)
            _check_timelines(slug, reactions, outcome)
            sent += len(mails)
    outcome.count = f"{sent:,} e-mails over SMTP, then opens, clicks, farewells"


def _schedule(workspace: Workspace) -> Campaign:
    language = int(workspace.chinese)
    message = create_message(name=NAMES[language], subject=SUBJECTS[language], body=BODIES[language])
    campaign = create_campaign(
        name=NAMES[language], segment=segment_of(workspace, "lapsing"), message=message, purpose="marketing"
    )
    soon = timezone.now().astimezone(workspace.tenant.zone).replace(tzinfo=None) + timedelta(seconds=2)
    return schedule_campaign(
        campaign=campaign, local_time=soon.isoformat(timespec="seconds"), time_zone=workspace.tenant.time_zone
    )


def _ending(workspace: Workspace) -> str:
    return SUBJECTS[workspace.chinese].partition("}}")[2]


def _opens(household: int) -> bool:
    return household % 5 <= 2


def _clicks(household: int) -> bool:
    return household % 5 == 0


@dataclass(frozen=True)
class Reactions:
    opened: set[int]
    clicked: set[int]
    left: int | None


def _react(mails: list[ReceivedMail]) -> Reactions:
    """Visit what stands in the mails: the picture, the link, and of one mail the List-Unsubscribe address."""
    households = {mail.household: mail for mail in mails}
    reactions = Reactions(
        {number for number in households if _opens(number)},
        {number for number in households if _clicks(number)},
        min(households, default=None),
    )
    requests: list[tuple[str, dict[str, str] | None]] = []
    for number in sorted(reactions.opened):
        requests.append((_address(households[number].html, r'<img src="([^"]*/m/o/[^"]+)"'), None))
    for number in sorted(reactions.clicked):
        requests.append((_address(households[number].html, r'<a href="([^"]*/m/c/[^"]+)"'), None))
    if reactions.left is not None:
        address = _address(households[reactions.left].headers["List-Unsubscribe"], r"<(http[^>]+)>")
        requests.append((address, {"List-Unsubscribe": "One-Click"}))
    statuses = visits.fetch_all(requests, headers=_PHONE)
    if wrong := [status for status in statuses if status not in {200, 302}]:
        raise RuntimeError(f"a link of a mail answered {wrong[0]}")
    return reactions


def _address(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"no {pattern} in a mail")
    return found[1]


def _check(run: Run, workspace: Workspace, campaign: Campaign, mails: list[ReceivedMail], outcome: Outcome) -> None:
    slug = workspace.tenant.slug
    started = CampaignRun.objects.get(campaign=campaign).started_at
    lapsing = {int(number) for number in expected_segment(run.expected(workspace), "lapsing", started)}
    wanted = _wanted(run, workspace, started, {number for number in lapsing if number % 10 <= 6})
    proposition = SEGMENTS["lapsing"].proposition[workspace.chinese]
    outcome.equal(f"{slug}: one mail for each of them", sorted(mail.household for mail in mails), sorted(wanted))
    wrong = {
        mail.household: mail.text
        for mail in mails
        if not all(part in mail.text for part in (*wanted.get(mail.household, ("?",)), proposition))
    }
    outcome.equal(f"{slug}: name, points, last purchase and value proposition in each", wrong, {})
    report = report_of(campaign)
    outcome.equal(
        f"{slug}: report: in the segment, without consent, sent, opened, clicked, unsubscribed",
        (
            report.waterfall.audience,
            report.waterfall.skipped.get("no_consent", 0),
            report.sent,
            report.opened.count,
            report.clicked.count,
            report.unsubscribed.count,
        ),
        (
            len(lapsing),
            len(lapsing) - len(wanted),
            len(wanted),
            sum(_opens(number) for number in wanted),
            sum(_clicks(number) for number in wanted),
            1 if wanted else 0,
        ),
    )


def _check_timelines(slug: str, reactions: Reactions, outcome: Outcome) -> None:
    names = ["urm.message.sent", "urm.message.opened", "urm.message.clicked", "urm.message.unsubscribed"]
    actual, expected = {}, {}
    for household in {*sorted(reactions.clicked)[:3], *([reactions.left] if reactions.left is not None else [])}:
        member = Member.objects.get(external_id=str(household))
        actual[household] = {entry.name for entry in timeline(member, names=names)}
        truths = (True, household in reactions.opened, household in reactions.clicked, household == reactions.left)
        expected[household] = {name for name, truth in zip(names, truths, strict=True) if truth}
    outcome.equal(f"{slug}: it stands in the timelines", actual, expected)
    if reactions.left is not None:
        consent = Consent.objects.filter(member__external_id=str(reactions.left), channel="email", purpose="marketing")
        outcome.equal(f"{slug}: consent after the farewell", [row.granted for row in consent], [False])


def _wanted(run: Run, workspace: Workspace, at: datetime, households: set[int]) -> dict[int, tuple[str, ...]]:
    """What each of them must read: name, points, day and amount of the last purchase; computed from the files."""
    expected = run.expected(workspace)
    sign = "¥" if workspace.chinese else "$"
    rows = expected.rows(
        f"""
        SELECT household, sum(cents // 100)::BIGINT, strftime(max(moment) AT TIME ZONE '{expected.zone}', '%Y-%m-%d'),
               arg_max(cents, (moment, basket))::BIGINT
        FROM purchase WHERE moment < $at GROUP BY 1
        """,
        at=at,
    )
    return {
        household: (
            person(household, chinese=workspace.chinese).first_name,
            f"{points:,}",
            day,
            f"{sign}{cents / 100:,.2f}",
        )
        for household, points, day, cents in rows
        if household in households
    }
