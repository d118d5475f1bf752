"""Roll-ups hold exactly what a direct computation over the events gives, however the events arrive."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.actions import change_kpi_settings, request_rebuild
from analytics.consumers import keep_rollups, next_night
from analytics.models import CohortCell, MemberDay, MemberSummary, PeriodTotals, StaleDay
from members.consumers import replay
from tests.analytics import reference
from tests.analytics.reference import Happened
from tests.analytics.sending import NOW, purchase, roll, send
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)

happenings = st.lists(
    st.builds(
        Happened,
        member=st.sampled_from(["a", "b", "c", "d", "e"]),
        name=st.sampled_from(["purchase", "purchase", "purchase", "page"]),
        # Many at the edges of days and months in zones far from each other, and on nights when clocks change.
        at=st.one_of(
            st.datetimes(datetime(2025, 1, 1), datetime(2025, 7, 16, 11), timezones=st.just(UTC)),
            st.builds(
                lambda day, hour, second: BEGIN + timedelta(days=day, hours=hour, seconds=second),
                st.sampled_from([0, 30, 31, 58, 59, 67, 68, 89, 90, 120, 150, 180, 181]),
                st.sampled_from([0, 4, 5, 7, 16]),
                st.sampled_from([-1, 0, 1]),
            ),
        ).map(lambda moment: max(moment, BEGIN)),
        amount=st.one_of(st.none(), st.decimals(0, 99, places=2), st.just(Decimal(0))),
        trusted=st.sampled_from([True, True, True, False]),
    ),
    max_size=25,
)


def assert_rollups_equal_reference(events: list[Happened], zone: ZoneInfo, window: int) -> None:
    today = NOW.astimezone(zone).date()
    rows = {(row.grain, row.start): row for row in PeriodTotals.objects.all()}
    days = {event.day(zone) for event in events}
    for grain in ("day", "week", "month"):
        for day in days:
            assert (grain, reference.bounds(grain, day)[0]) in rows
    for (grain, start), row in rows.items():
        expected = reference.totals(events, zone, grain, start)
        assert {name: getattr(row, name) for name in expected} == expected
        if grain == "month":
            assert (row.base, row.lost, row.churn_until) == reference.churn(events, zone, start, window, today)
    for day in days:  # no month goes missing in which somebody could have been lost
        month = day.replace(day=1)
        while month <= min(today, day + timedelta(days=window + 1)):
            assert ("month", month) in rows
            month = reference.next_month(month)
    cells = {(cell.cohort, cell.month): (cell.buyers, cell.orders, cell.revenue) for cell in CohortCell.objects.all()}
    assert cells == reference.cohorts(events, zone)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(happenings, max_size=4), window=st.sampled_from([1, 20, 90]), step=st.sampled_from([3, 1000]))
def test_rollups_equal_direct_computation_on_random_events(
    in_acme: Tenant, zone: str, batches: list[list[Happened]], window: int, step: int
) -> None:
    with transaction.atomic():
        in_acme.time_zone = zone
        in_acme.save()
        change_kpi_settings(churn_window_days=window)
        events: list[Happened] = []
        for batch in batches:
            send(batch)
            events += batch
            roll(batch=step)
        roll()
        assert_rollups_equal_reference(events, ZoneInfo(zone), window)
        kept = _everything()
        request_rebuild()
        roll()
        assert_rollups_equal_reference(events, ZoneInfo(zone), window)
        assert _everything() == kept
        transaction.set_rollback(True)


def _everything() -> list[list[tuple[object, ...]]]:
    """All that is kept per member, and the months; days and weeks may hold zeros that a rebuild leaves out."""
    return [
        sorted(MemberDay.objects.values_list("day", "member_id", "events", "orders", "revenue")),
        sorted(
            MemberSummary.objects.values_list(
                "member_id",
                "first_seen_day",
                "first_active_day",
                "last_active_day",
                "first_order_day",
                "cohort",
                "orders",
                "revenue",
            ),
            key=str,
        ),
    ]


def test_rollups_read_an_event_twice_without_counting_it_twice(in_acme: Tenant) -> None:
    send([purchase("a", "2025-06-01"), purchase("b", "2025-06-02")])
    roll()
    send([purchase("a", "2025-06-02")])
    roll()
    replay("analytics", since=datetime(2025, 1, 1, tzinfo=UTC))
    roll()
    month = PeriodTotals.objects.get(grain="month", start=date(2025, 6, 1))
    assert (month.orders, month.buyers, month.revenue) == (3, 2, Decimal(30))
    assert sorted(MemberSummary.objects.values_list("orders", flat=True)) == [1, 2]
    assert not StaleDay.objects.exists()


def test_rollups_move_a_member_to_an_earlier_cohort_when_a_late_order_arrives(in_acme: Tenant) -> None:
    send([purchase("a", "2025-03-10"), purchase("a", "2025-05-10")])
    roll()
    send([purchase("a", "2025-01-20")])
    roll()
    assert sorted(CohortCell.objects.values_list("cohort", "month", "buyers")) == [
        (date(2025, 1, 1), date(2025, 1, 1), 1),
        (date(2025, 1, 1), date(2025, 3, 1), 1),
        (date(2025, 1, 1), date(2025, 5, 1), 1),
    ]
    months = dict(PeriodTotals.objects.filter(grain="month").values_list("start", "new_customers"))
    assert (months[date(2025, 1, 1)], months[date(2025, 3, 1)]) == (1, 0)


def test_rollups_follow_the_workspace_into_another_time_zone(in_acme: Tenant) -> None:
    send([purchase("a", "2025-06-01")])
    roll()
    in_acme.time_zone = "Asia/Shanghai"
    in_acme.save()
    assert keep_rollups(now=NOW) is True  # a rebuild
    assert keep_rollups(now=NOW) is False


def test_night_measures_the_churn_of_a_month_in_which_nothing_happened(in_acme: Tenant) -> None:
    change_kpi_settings(churn_window_days=30)
    send([purchase("a", "2025-06-10"), purchase("b", "2025-06-28")])
    roll(datetime(2025, 7, 1, 12, tzinfo=UTC))
    july = PeriodTotals.objects.get(grain="month", start=date(2025, 7, 1))
    assert (july.base, july.lost, july.churn_until) == (2, 0, date(2025, 6, 30))
    roll(datetime(2025, 7, 15, 12, tzinfo=UTC))
    july = PeriodTotals.objects.get(grain="month", start=date(2025, 7, 1))
    assert (july.base, july.lost, july.churn_until) == (2, 1, date(2025, 7, 14))
    roll(datetime(2025, 8, 2, 12, tzinfo=UTC))
    july = PeriodTotals.objects.get(grain="month", start=date(2025, 7, 1))
    assert (july.base, july.lost, july.churn_until) == (2, 2, date(2025, 7, 31))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2025-03-08T12:00:00+00:00", "2025-03-09T07:00:00+00:00"),  # no two o'clock that night: three, EDT
        ("2025-03-09T12:00:00+00:00", "2025-03-10T06:00:00+00:00"),
        ("2025-11-01T12:00:00+00:00", "2025-11-02T07:00:00+00:00"),
        ("2025-11-02T06:30:00+00:00", "2025-11-02T07:00:00+00:00"),  # half past one, the second time
        ("2025-11-02T07:00:00+00:00", "2025-11-03T07:00:00+00:00"),
    ],
)
def test_night_is_at_two_local_when_clocks_change(acme: Tenant, now: str, expected: str) -> None:
    assert next_night(acme, datetime.fromisoformat(now)) == datetime.fromisoformat(expected)


def test_rollups_of_one_workspace_leave_the_other_alone(acme: Tenant, globex: Tenant) -> None:
    for tenant, amount in ((acme, "10"), (globex, "20")):
        with tenant_context(tenant.pk):
            send([purchase("a", "2025-06-01", amount)])
            roll()
    for tenant, amount in ((acme, "10"), (globex, "20")):
        with tenant_context(tenant.pk):
            [month] = PeriodTotals.objects.filter(grain="month", start=date(2025, 6, 1))
            assert month.revenue == Decimal(amount)
            assert MemberDay.objects.count() == 1
