"""What each figure means at its edges."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from analytics.actions import change_kpi_settings, record_sizes
from analytics.models import KpiSettings
from analytics.queries import Point, QuestionError, ask, kpi_named, measure, registered_kpis
from members.actions import upsert_member
from members.models import Member, MemberState
from tests.analytics.reference import Happened
from tests.analytics.sending import NOW, purchase, roll, send, visit
from urm.tenancy.models import Tenant


def answer(tenant: Tenant, name: str, **given: str) -> list[Point]:
    kpi = kpi_named(name)
    assert kpi is not None
    return measure(
        kpi, ask(kpi, {key.rstrip("_"): value for key, value in given.items()}, tenant=tenant, now=NOW)
    ).points


def values(points: list[Point]) -> dict[str, Any]:
    return {f"{point.period.start:%Y-%m-%d}": point.value for point in points}


def test_active_members_are_counted_once_in_each_period(in_acme: Tenant) -> None:
    send([visit("a", f"2025-07-{day:02}T12:00:00Z".replace("Z", "+00:00")) for day in (1, 2, 3, 8)])
    send([visit("b", "2025-07-02T12:00:00+00:00")])
    roll()
    days = values(answer(in_acme, "active_members", period="day", from_="2025-07-01", to="2025-07-09"))
    assert list(days.values()) == [1, 2, 1, 0, 0, 0, 0, 1]
    weeks = values(answer(in_acme, "active_members", period="week", from_="2025-07-01", to="2025-07-09"))
    assert weeks == {"2025-06-30": 2, "2025-07-07": 1}
    assert values(answer(in_acme, "active_members", from_="2025-07")) == {"2025-07-01": 2}
    assert values(answer(in_acme, "active_members", period="total", from_="2025-07-02", to="2025-07-04")) == {
        "2025-07-02": 2
    }


def test_active_members_leave_out_what_the_platform_does(in_acme: Tenant) -> None:
    upsert_member(external_id="a", traits={})  # writes urm.member.created
    send([visit("b", "2025-07-02T12:00:00+00:00")])
    roll()
    assert values(answer(in_acme, "active_members", period="total", from_="2025-01", to="2027-12")) == {"2025-01-01": 1}


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", {"2025-06-01": 1, "2025-07-01": 1}),
        ("America/New_York", {"2025-06-01": 2, "2025-07-01": 0}),
        ("Asia/Shanghai", {"2025-06-01": 0, "2025-07-01": 2}),
    ],
)
def test_months_are_those_of_the_workspace(acme: Tenant, in_acme: Tenant, zone: str, expected: dict[str, int]) -> None:
    acme.time_zone = zone
    acme.save()
    send([visit("a", "2025-07-01T00:00:00+00:00"), visit("b", "2025-06-30T23:59:59+00:00")])
    roll()
    assert values(answer(acme, "active_members", from_="2025-06", to="2025-08")) == expected


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2025-03-09T04:59:59+00:00", "2025-03-08"),  # the night of 23 hours begins at 05:00 UTC …
        ("2025-03-10T03:59:59+00:00", "2025-03-09"),
        ("2025-03-10T04:00:00+00:00", "2025-03-10"),  # … and ends at 04:00 UTC
        ("2024-11-04T04:59:59+00:00", "2024-11-03"),  # a day of 25 hours
        ("2024-11-04T05:00:00+00:00", "2024-11-04"),
    ],
)
def test_days_on_which_clocks_change_have_23_or_25_hours(in_acme: Tenant, moment: str, day: str) -> None:
    send([visit("a", moment)])
    roll()
    points = answer(in_acme, "active_members", period="day", from_="2024-11-01", to="2025-03-12")
    assert [key for key, value in values(points).items() if value] == [day]


def test_running_periods_are_marked_incomplete(in_acme: Tenant) -> None:
    send([purchase("a", "2025-06-10"), purchase("a", "2025-07-10")])
    roll()
    marks = {point.period.start: point.incomplete for point in answer(in_acme, "orders", from_="2025-06", to="2025-08")}
    assert marks == {date(2025, 6, 1): False, date(2025, 7, 1): True}
    # Who buys again next month is known when next month is over.
    marks = {point.period.start: point.incomplete for point in answer(in_acme, "repurchase_rate", from_="2025-05")}
    assert marks == {date(2025, 5, 1): False, date(2025, 6, 1): True, date(2025, 7, 1): True}
    cells = answer(in_acme, "cohort_retention", from_="2025-06")
    assert [(cell.offset, cell.value, cell.incomplete) for cell in cells] == [(0, 1.0, False), (1, 1.0, True)]


def test_churn_leaves_out_who_joined_in_the_month(in_acme: Tenant) -> None:
    change_kpi_settings(churn_window_days=10)
    send(
        [
            visit("stays", "2025-05-28T12:00:00+00:00"),
            visit("stays", "2025-06-25T12:00:00+00:00"),
            visit("leaves", "2025-05-28T12:00:00+00:00"),
            visit("joins and leaves", "2025-06-02T12:00:00+00:00"),
            visit("lost long ago", "2025-05-01T12:00:00+00:00"),
        ]
    )
    roll()
    [june] = answer(in_acme, "churn", from_="2025-06", to="2025-07")
    assert (june.numerator, june.denominator, june.value, june.incomplete) == (1, 2, 0.5, False)


@pytest.mark.parametrize(("day", "lost"), [("2025-06-20", 0), ("2025-06-19", 1)])
def test_churn_counts_a_member_lost_when_more_days_than_the_window_have_passed(
    in_acme: Tenant, day: str, lost: int
) -> None:
    change_kpi_settings(churn_window_days=10)
    send([visit("a", "2025-05-31T12:00:00+00:00"), visit("a", f"{day}T12:00:00+00:00")])
    roll()
    [june] = answer(in_acme, "churn", from_="2025-06", to="2025-07")
    assert (june.denominator, june.numerator) == (1, lost)


def test_churn_of_a_running_month_is_measured_until_yesterday(in_acme: Tenant) -> None:
    change_kpi_settings(churn_window_days=14)
    send([visit("a", "2025-06-30T12:00:00+00:00"), visit("b", "2025-07-01T12:00:00+00:00")])
    roll()
    [july] = answer(in_acme, "churn", from_="2025-07", to="2025-08")
    assert (july.denominator, july.numerator, july.incomplete) == (1, 1, True)  # 15 days from 30 June to 15 July


def test_churn_without_anybody_to_lose_is_no_figure(in_acme: Tenant) -> None:
    send([visit("a", "2025-06-10T12:00:00+00:00")])
    roll()
    [june] = answer(in_acme, "churn", from_="2025-06", to="2025-07")
    assert (june.denominator, june.value) == (0, None)


def test_repeat_purchase_rate_counts_orders_inside_the_period(in_acme: Tenant) -> None:
    send(
        [
            purchase("a", "2025-05-10"),
            purchase("a", "2025-06-10"),
            purchase("b", "2025-06-11"),
            purchase("b", "2025-06-11"),
        ]
    )
    roll()
    assert values(answer(in_acme, "repeat_purchase_rate", from_="2025-05", to="2025-07")) == {
        "2025-05-01": 0.0,
        "2025-06-01": 0.5,
    }
    [total] = answer(in_acme, "repeat_purchase_rate", period="total", from_="2025-05", to="2025-07")
    assert (total.numerator, total.denominator) == (2, 2)


def test_repurchase_rate_is_the_share_that_buys_in_the_next_month(in_acme: Tenant) -> None:
    send(
        [
            purchase("a", "2025-05-10"),
            purchase("b", "2025-05-10"),
            purchase("a", "2025-06-10"),
            purchase("c", "2025-06-10"),
        ]
    )
    roll()
    may, june = answer(in_acme, "repurchase_rate", from_="2025-05", to="2025-07")
    assert (may.value, may.numerator, may.denominator) == (0.5, 1, 2)
    assert (june.value, june.numerator, june.denominator) == (0.0, 0, 2)


def test_orders_and_revenue_count_trusted_amounts_only(in_acme: Tenant) -> None:
    at = datetime(2025, 6, 10, 12, tzinfo=UTC)
    send(
        [
            Happened("a", "purchase", at, Decimal("12.50")),
            Happened("a", "purchase", at, Decimal(0)),
            Happened("b", "purchase", at, None),
            Happened("c", "purchase", at, Decimal(99), trusted=False),
            Happened("d", "refund", at, Decimal(5)),
        ]
    )
    roll()
    assert values(answer(in_acme, "orders", from_="2025-06", to="2025-07")) == {"2025-06-01": 2}
    assert values(answer(in_acme, "revenue", from_="2025-06", to="2025-07")) == {"2025-06-01": Decimal("12.5")}
    assert values(answer(in_acme, "average_order_value", from_="2025-06", to="2025-07")) == {
        "2025-06-01": Decimal("6.25")
    }
    assert values(answer(in_acme, "active_members", from_="2025-06", to="2025-07")) == {"2025-06-01": 4}


def test_another_purchase_event_can_be_set(in_acme: Tenant) -> None:
    send([Happened("a", "order_paid", datetime(2025, 6, 10, 12, tzinfo=UTC), Decimal(7)), purchase("a", "2025-06-11")])
    roll()
    change_kpi_settings(purchase_event="order_paid")
    roll()
    assert values(answer(in_acme, "revenue", from_="2025-06", to="2025-07")) == {"2025-06-01": Decimal(7)}
    assert KpiSettings.current().purchase_event == "order_paid"


def test_clv_divides_revenue_to_date_by_customers_to_date(in_acme: Tenant) -> None:
    send([purchase("a", "2025-04-10", "10"), purchase("b", "2025-05-10", "20"), purchase("a", "2025-06-10", "30")])
    send([visit("not a customer", "2025-05-10T12:00:00+00:00")])
    roll()
    points = answer(in_acme, "clv", from_="2025-04", to="2025-07")
    assert [(point.value, point.denominator) for point in points] == [(10, 1), (15, 2), (30, 2)]


def test_cohort_matrix_counts_members_by_the_month_of_their_first_order(in_acme: Tenant) -> None:
    send(
        [
            purchase("a", "2025-04-10"),
            purchase("b", "2025-04-11"),
            purchase("a", "2025-06-10"),
            purchase("c", "2025-06-10"),
        ]
    )
    send([visit("a", "2025-03-01T12:00:00+00:00")])  # a visit is no order
    roll()
    cells = answer(in_acme, "cohort_retention", from_="2025-03", to="2025-08")
    assert [(f"{cell.period.start:%m}", cell.offset, cell.numerator, cell.denominator) for cell in cells] == [
        ("04", 0, 2, 2),
        ("04", 1, 0, 2),
        ("04", 2, 1, 2),
        ("04", 3, 0, 2),
        ("06", 0, 1, 1),
        ("06", 1, 0, 1),
    ]
    assert all(cell.small_sample for cell in cells)


def test_day_n_retention_leaves_out_members_whose_day_is_not_over(in_acme: Tenant) -> None:
    send(
        [
            visit("a", "2025-07-01T12:00:00+00:00"),
            visit("a", "2025-07-08T12:00:00+00:00"),
            visit("b", "2025-07-01T12:00:00+00:00"),
            visit("b", "2025-07-10T12:00:00+00:00"),
            visit("c", "2025-07-12T12:00:00+00:00"),
        ]
    )
    roll()
    classic = {
        cell.offset: (cell.numerator, cell.denominator) for cell in answer(in_acme, "day_n_retention", from_="2025-07")
    }
    rolling = {
        cell.offset: (cell.numerator, cell.denominator)
        for cell in answer(in_acme, "rolling_retention", from_="2025-07")
    }
    assert classic == {1: (0, 3), 7: (1, 2)}
    assert rolling == {1: (2, 3), 7: (2, 2)}


def test_figures_split_by_what_members_are(in_acme: Tenant) -> None:
    send([purchase("a", "2025-06-10", "10"), purchase("b", "2025-06-10", "20"), purchase("c", "2025-06-10", "5")])
    Member.objects.filter(external_id="a").update(country="CN", gender="female")
    Member.objects.filter(external_id="b").update(country="US", gender="female")
    roll()

    def split(name: str, by: str) -> dict[str, Any]:
        return {point.key: point.value for point in answer(in_acme, name, by=by, from_="2025-06", to="2025-07")}

    assert split("revenue", "country") == {"": Decimal(5), "CN": Decimal(10), "US": Decimal(20)}
    assert split("active_members", "gender") == {"": 1, "female": 2}
    assert split("new_members", "gender") == {"": 1, "female": 2}
    assert split("clv", "gender") == {"": Decimal(5), "female": Decimal(15)}
    assert split("repurchase_rate", "country") == {"": 0.0, "CN": 0.0, "US": 0.0}
    for member, segments in (("a", [1, 2]), ("b", [2])):
        MemberState.objects.update_or_create(
            member=Member.objects.get(external_id=member), defaults={"segment_ids": segments, "stage_id": 7}
        )
    assert split("orders", "segment") == {"": 1, "1": 1, "2": 2}
    assert split("orders", "stage") == {"": 1, "7": 2}
    assert {
        (cell.key, cell.offset): cell.numerator
        for cell in answer(in_acme, "cohort_retention", by="gender", from_="2025-06")
    } == {("", 0): 1, ("", 1): 0, ("female", 0): 2, ("female", 1): 0}
    assert {point.key: point.denominator for point in answer(in_acme, "churn", by="gender", from_="2025-07")} == {
        "": 1,
        "female": 2,
    }


def test_sizes_are_kept_by_day(in_acme: Tenant) -> None:
    for name, stage, segments in (("a", 7, [1, 2]), ("b", 7, [2]), ("c", None, [])):
        member, _created = upsert_member(external_id=name, traits={})
        MemberState.objects.update_or_create(member=member, defaults={"segment_ids": segments, "stage_id": stage})
    record_sizes(day=date(2025, 7, 15))
    record_sizes(day=date(2025, 7, 16))
    record_sizes(day=date(2025, 7, 16))
    stages = answer(in_acme, "members_by_stage", from_="2025-07-15", to="2025-07-17")
    assert [(point.period.start.day, point.key, point.value) for point in stages] == [
        (15, "", 1),
        (15, "7", 2),
        (16, "", 1),
        (16, "7", 2),
    ]
    sizes = answer(in_acme, "members_by_segment", from_="2025-07-16", to="2025-07-17")
    assert [(point.key, point.value) for point in sizes] == [("1", 1), ("2", 2)]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2025-13"}, "from"),
        ({"from": "20250301"}, "from"),
        ({"from": "0001-01"}, "from"),
        ({"to": "2025-02-30"}, "to"),
        ({"from": "2025-03", "to": "2025-03"}, "to"),
        ({"period": "year"}, "period"),
        ({"by": "shoe_size"}, "by"),
        ({"period": "day", "from": "2010-01", "to": "2025-01"}, "from"),
    ],
)
def test_question_that_makes_no_sense_names_its_field(in_acme: Tenant, given: dict[str, str], field: str) -> None:
    kpi = kpi_named("revenue")
    assert kpi is not None
    with pytest.raises(QuestionError) as caught:
        ask(kpi, given, tenant=in_acme)
    assert list(caught.value.fields) == [field]


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ({}, date(2024, 7, 1), date(2025, 8, 1)),
        ({"from": "2025-05-20"}, date(2025, 5, 1), date(2025, 8, 1)),
        ({"from": "2025-05-20", "to": "2025-06-02"}, date(2025, 5, 1), date(2025, 7, 1)),
        ({"to": "2025-06"}, date(2024, 5, 1), date(2025, 6, 1)),
        ({"period": "day"}, date(2025, 6, 17), date(2025, 7, 17)),
        ({"period": "week", "from": "2025-07-02"}, date(2025, 6, 30), date(2025, 7, 21)),
        ({"period": "total", "from": "2025-05-20"}, date(2025, 5, 20), date(2025, 7, 17)),
    ],
)
def test_question_is_widened_to_whole_periods(in_acme: Tenant, given: dict[str, str], start: date, end: date) -> None:
    kpi = kpi_named("revenue")
    assert kpi is not None
    question = ask(kpi, given, tenant=in_acme, now=NOW)
    assert (question.start, question.end) == (start, end)


def test_every_figure_can_be_asked_in_every_way_it_says(
    in_acme: Tenant, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    send([purchase("a", "2025-06-10")])
    roll()
    with time_machine.travel(NOW, tick=False):
        for kpi in registered_kpis():
            for grain in kpi.grains:
                for by in (None, *kpi.dimensions):
                    question = ask(kpi, {"period": grain, "by": by or ""}, tenant=in_acme)
                    with django_assert_max_num_queries(8):
                        measure(kpi, question, tenant=in_acme)
