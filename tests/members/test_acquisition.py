"""Where members come from: the first touch decides, by when it happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from members.actions import accept_events, canonical_event, upsert_member
from members.consumers import acquisition
from members.consumers.acquisition import touch_of
from members.models import AcquisitionSource, Member, MemberAcquisition
from members.queries import timeline
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def visit(tenant: Tenant, who: str, *, hours_ago: float = 0, **properties: Any) -> Member:
    at = (NOW - timedelta(hours=hours_ago)).isoformat()
    event = {"name": "page_view", "external_id": who, "occurred_at": at, "properties": properties}
    accept_events([canonical_event(event, trusted=False, now=NOW)])
    drain(tenant.pk, names=["stream"])
    return Member.objects.get(external_id=who)


def test_utm_words_become_source_medium_and_campaign(in_acme: Tenant) -> None:
    member = visit(in_acme, "c-1", utm_source="Newsletter", utm_medium="email", utm_campaign="Spring", landing_page="/")
    row = MemberAcquisition.objects.select_related("source").get(member=member)
    assert (member.source, row.medium, row.campaign, row.landing_page) == ("newsletter", "email", "Spring", "/")
    assert (row.source.kind, row.source.learned, row.at) == ("campaign", True, NOW)
    [acquired] = [entry for entry in timeline(member) if entry.name == "urm.member.acquired"]
    assert acquired.properties == {"source": "newsletter", "medium": "email", "campaign": "Spring"}


def test_later_touch_changes_nothing_and_an_earlier_one_that_comes_late_corrects(in_acme: Tenant) -> None:
    visit(in_acme, "c-1", hours_ago=2, src="poster-1")
    assert visit(in_acme, "c-1", hours_ago=1, utm_source="ad").source == "poster-1"
    member = visit(in_acme, "c-1", hours_ago=3, referrer="blog.example")
    assert (member.source, MemberAcquisition.objects.get().source.kind) == ("blog.example", "referrer")
    assert len([entry for entry in timeline(member) if entry.name == "urm.member.acquired"]) == 1


def test_source_of_the_profile_stays(in_acme: Tenant) -> None:
    upsert_member(external_id="c-1", traits={"source": "store"})
    assert visit(in_acme, "c-1", src="qr-7").source == "store"
    assert MemberAcquisition.objects.get().source.code == "qr-7"


def test_source_that_staff_made_is_used(in_acme: Tenant) -> None:
    made = AcquisitionSource.objects.create(code="qr-7", name="Poster at the harbour", kind="qr")
    visit(in_acme, "c-1", src="QR-7")
    assert MemberAcquisition.objects.get().source == made
    assert AcquisitionSource.objects.count() == 1


def test_invented_words_end_as_other(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquisition, "MOST_LEARNED", 2)
    sources = [visit(in_acme, f"c-{n}", src=f"word-{n}").source for n in range(4)]
    assert sources == ["word-0", "word-1", "other", "other"]


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"src": "A", "utm_source": "b", "referrer": "c"}, "a"),
        ({"utm_source": "b", "referrer": "c"}, "b"),
        ({"referrer": "c"}, "c"),
        ({"utm_source": "later", "first_touch": {"src": "first"}}, "first"),
        ({"src": 5, "referrer": " "}, None),
        ({"sku": "A1"}, None),
    ],
)
def test_touch_is_read_from_properties(properties: dict[str, Any], code: str | None) -> None:
    touch = touch_of(properties)
    assert (touch.code if touch else None) == code
