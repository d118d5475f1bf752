"""The nightly self-check finds what differs from a full computation, says so, and has it mended."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone

from members.consumers.absorb import absorb
from members.models import Member, MemberState
from segments.actions import check_sample, create_segment, recompute_segments, refresh_members
from segments.actions.checking import keep_night
from segments.admin.home import drifted
from segments.api.health import drift
from segments.models import Segment, SelfCheck
from tests.segments.conftest import Buy
from urm.tenancy.models import Tenant

RECENT = {"fact": "event", "name": "purchase", "measure": "count", "window": {"days": 30}, "op": "gte", "value": 1}


@pytest.fixture
def recent(buy: Buy) -> Segment:
    segment = create_segment(name="Recent", rule=RECENT)
    recompute_segments()
    for number in range(3):
        buy(f"c-{number}")
    refresh_members()
    return segment


def gauges() -> list[float]:
    return [sample.value for metric in drift() for sample in metric.samples]


def test_nothing_drifts_by_itself(recent: Segment) -> None:
    check = check_sample()
    assert (check.looked_at, check.drifted, check.examples) == (3, 0, [])
    assert drifted(RequestFactory().get("/")) is None
    assert gauges() == [3, 0]


def test_a_wrong_state_is_reported_and_mended(recent: Segment) -> None:
    wrong = Member.objects.get(external_id="c-1")
    MemberState.objects.filter(member=wrong).update(segment_ids=[])
    check = check_sample()
    assert (check.looked_at, check.drifted, check.examples) == (3, 1, [wrong.pk])
    concern = drifted(RequestFactory().get("/"))
    assert concern is not None
    assert concern.count == 1
    assert gauges() == [3, 1]
    refresh_members()
    assert MemberState.objects.get(member=wrong).segment_ids == [recent.pk]
    assert check_sample().drifted == 0


def test_a_moment_that_would_be_missed_is_drift(recent: Segment) -> None:
    MemberState.objects.filter(member__external_id="c-2").update(next_at=timezone.now() + timedelta(days=300))
    assert check_sample().drifted == 1


def test_who_waits_for_a_refresh_is_left_out(recent: Segment, buy: Buy) -> None:
    absorb()  # what the refresh published
    refresh_members()
    buy("c-7")
    assert check_sample().looked_at == 3


@pytest.mark.parametrize(
    ("utc", "checks"), [(datetime(2026, 3, 3, 7, 59, tzinfo=UTC), 1), (datetime(2026, 3, 3, 8, 0, tzinfo=UTC), 2)]
)
def test_one_check_a_local_night(
    recent: Segment, in_acme: Tenant, monkeypatch: pytest.MonkeyPatch, utc: datetime, checks: int
) -> None:
    SelfCheck.objects.create(at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC), looked_at=0, drifted=0)
    monkeypatch.setattr(timezone, "now", lambda: utc)  # 3 o'clock in New York is 8 in UTC
    assert keep_night() is False
    assert keep_night() is False
    assert SelfCheck.objects.count() == checks
