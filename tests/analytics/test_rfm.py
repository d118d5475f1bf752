"""Scores by equal sizes, frozen limits, and rules made of them: against plain Python."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from analytics.actions import compute_rfm, request_rfm, rfm_is_due
from analytics.models import RfmGrid, RfmScore
from analytics.queries.rfm import READY, Block, block_rule, cells, count_in
from members.models import Member
from segments.models import Segment
from segments.queries import preview
from tests.analytics.reference import Happened
from tests.analytics.sending import NOW, send
from tests.ui.conftest import sign_in
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

Bought = dict[str, list[tuple[datetime, Decimal]]]


def buyers(count: int) -> Bought:
    """Buyer n bought (n·7 mod 11)+1 times, last n·3 mod 200 days ago; one bought before the window only."""
    found: Bought = {}
    for number in range(count):
        last = NOW - timedelta(days=number * 3 % 200, hours=number % 5 + 1)
        times = number * 7 % 11 + 1
        found[f"m{number}"] = [
            (last - timedelta(days=9 * turn), Decimal(number * 13 % 50 + 1)) for turn in range(times)
        ]
    found["old"] = [(NOW - timedelta(days=500), Decimal(5))]
    return found


def told(bought: Bought) -> None:
    send([Happened(name, "purchase", at, amount) for name, times in bought.items() for at, amount in times])


def ntile(ordered: list[str]) -> dict[str, int]:
    """Five groups of equal size, the first ones larger by one where it does not come out even."""
    size, more = divmod(len(ordered), 5)
    found, at = {}, 0
    for score in range(1, 6):
        for name in ordered[at : at + size + (score <= more)]:
            found[name] = score
        at += size + (score <= more)
    return found


def scores(bought: Bought, ids: dict[str, int]) -> dict[str, tuple[int, int, int]]:
    in_window = {
        name: [(at, amount) for at, amount in times if at > NOW - timedelta(days=365)] for name, times in bought.items()
    }
    names = [name for name, times in in_window.items() if times]
    r = ntile(sorted(names, key=lambda name: (max(at for at, _amount in in_window[name]), ids[name])))
    f = ntile(sorted(names, key=lambda name: (len(in_window[name]), ids[name])))
    m = ntile(sorted(names, key=lambda name: (sum(amount for _at, amount in in_window[name]), ids[name])))
    return {name: (r[name], f[name], m[name]) for name in names}


@pytest.fixture
def shop(in_acme: Tenant) -> tuple[Bought, dict[str, int]]:
    bought = buyers(37)
    told(bought)
    return bought, {str(name): pk for name, pk in Member.objects.values_list("external_id", "pk")}


def test_scores_are_those_of_equal_sizes(shop: tuple[Bought, dict[str, int]]) -> None:
    bought, ids = shop
    grid = compute_rfm(now=NOW)
    assert grid is not None
    expected = scores(bought, ids)
    names = {pk: name for name, pk in ids.items()}
    assert {names[row.member_id]: (row.r, row.f, row.m) for row in RfmScore.objects.all()} == expected
    assert grid.buyers == len(expected) == 37
    counted = Counter((r, f) for r, f, _m in expected.values())
    assert {place: cell.count for place, cell in cells().items()} == dict(counted)


def test_limits_are_the_figures_at_the_edge_of_each_score(shop: tuple[Bought, dict[str, int]]) -> None:
    bought, ids = shop
    grid = compute_rfm(now=NOW)
    assert grid is not None
    expected = scores(bought, ids)
    for score in range(1, 6):
        better = [name for name, (_r, f, _m) in expected.items() if f >= score]
        assert grid.cuts["f"][score - 1] == min(len(bought[name]) for name in better)
        recent = [name for name, (r, _f, _m) in expected.items() if r >= score]
        days = max((NOW - max(at for at, _amount in bought[name])).total_seconds() / 86_400 for name in recent)
        assert 0 <= grid.cuts["r"][score - 1] - days < 0.0001


def test_rule_of_a_block_finds_who_lies_within_its_limits(shop: tuple[Bought, dict[str, int]]) -> None:
    bought, _ids = shop
    grid = compute_rfm(now=NOW)
    assert grid is not None
    r, f = grid.cuts["r"], grid.cuts["f"]
    for block in [Block((5, 5), (4, 5)), Block((1, 2), (3, 4)), Block((3, 3), (1, 2)), Block((1, 5), (1, 5))]:
        expected = 0
        for times in bought.values():
            age = (NOW - max(at for at, _amount in times)).total_seconds() / 86_400
            orders = sum(at >= NOW - timedelta(days=365) for at, _amount in times)
            newest = block.r[1] == 5 or age > r[block.r[1]]
            oldest = age <= (r[block.r[0] - 1] if block.r[0] > 1 else 365)
            fewest = orders >= (f[block.f[0] - 1] if block.f[0] > 1 else 1)
            most = block.f[1] == 5 or orders < f[block.f[1]]
            expected += newest and oldest and fewest and most
        assert preview(block_rule(grid, [block]), NOW).count == expected


def test_ready_segments_cover_the_grid_once() -> None:
    covered = Counter(
        (r, f)
        for one in READY
        for block in one.blocks
        for r in range(block.r[0], block.r[1] + 1)
        for f in range(block.f[0], block.f[1] + 1)
    )
    assert covered == Counter({(r, f): 1 for r in range(1, 6) for f in range(1, 6)})


def test_ready_segments_add_up_to_all_buyers(shop: tuple[Bought, dict[str, int]]) -> None:
    compute_rfm(now=NOW)
    found = cells()
    assert sum(count_in(one.blocks, found) for one in READY) == 37


def test_workspace_without_purchases_has_no_grid(in_acme: Tenant) -> None:
    assert compute_rfm(now=NOW) is None
    assert RfmGrid.objects.count() == 0


def test_grid_is_due_by_night_and_when_asked_for(shop: tuple[Bought, dict[str, int]]) -> None:
    night = datetime(NOW.year, NOW.month, NOW.day, 16, tzinfo=UTC)
    assert rfm_is_due(now=night) is True
    compute_rfm(now=night)
    assert rfm_is_due(now=night) is False
    before_two = night.replace(hour=5) + timedelta(days=1)  # one o'clock in New York
    assert rfm_is_due(now=before_two) is False
    assert rfm_is_due(now=before_two + timedelta(hours=1)) is True
    request_rfm()
    assert rfm_is_due(now=night) is True


def test_one_click_makes_an_ordinary_segment(client: Client, acme: Tenant, staff: Any) -> None:
    with tenant_context(acme.pk):
        told(buyers(37))
        grid = compute_rfm(now=NOW)
        assert grid is not None
        rule = block_rule(grid, READY[0].blocks)
    sign_in(client, staff(acme, "marketer").email)
    assert client.post("/w/acme/admin/rfm/", {"ready": "champions"}).status_code == 302
    assert client.get("/w/acme/admin/rfm/cell/?r=5&f=5").status_code == 200
    assert client.get("/w/acme/admin/rfm/cell/?r=6&f=5").status_code == 404
    with tenant_context(acme.pk):
        made = Segment.objects.get()
        assert (made.name, made.rule) == ("Champions", rule)
