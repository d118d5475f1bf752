"""Tags that end: taken off when their time has come, told, and followed by the rules that read them."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from members.actions import MemberError, add_tag, expire_tags, remove_tag, upsert_member
from members.models import DirtyMember, InboxEntry, Member, MemberState, MemberTag
from members.tasks import expire
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, Wakeup


@pytest.fixture
def ada(in_acme: Tenant) -> Member:
    member, _created = upsert_member(external_id="ada", traits={})
    return member


def names(member: Member) -> list[str]:
    return list(MemberTag.objects.filter(member=member).order_by("tag__name").values_list("tag__name", flat=True))


def said() -> list[tuple[str, dict[str, Any]]]:
    items = [item for entry in InboxEntry.objects.order_by("id") for item in orjson.loads(entry.body)]
    return [(item["n"], item["p"]) for item in items if item["n"].startswith("urm.tag.")]


def test_tag_whose_time_is_over_goes_with_an_event_and_a_mark(ada: Member) -> None:
    now = timezone.now()
    add_tag(member=ada, name="guest", expires_at=now + timedelta(days=1))
    add_tag(member=ada, name="friend")
    InboxEntry.objects.all().delete()
    DirtyMember.objects.all().delete()
    assert expire_tags(now=now + timedelta(hours=23)) == 0
    assert expire_tags(now=now + timedelta(days=1, seconds=1)) == 1
    assert names(ada) == ["friend"]
    assert MemberState.objects.get(member=ada).tag_ids == [MemberTag.objects.get(member=ada).tag_id]
    assert said() == [("urm.tag.removed", {"tag": "guest", "by": "expiry"})]
    assert list(DirtyMember.objects.values_list("member_id", flat=True)) == [ada.pk]
    assert expire_tags(now=now + timedelta(days=2)) == 0


def test_tag_with_an_end_sets_the_alarm(ada: Member, django_capture_on_commit_callbacks: Any) -> None:
    end = timezone.now() + timedelta(days=3)
    with django_capture_on_commit_callbacks(execute=True):
        add_tag(member=ada, name="guest", expires_at=end)
    assert Wakeup.objects.get(work="tags").due_at == end
    Wakeup.objects.all().delete()
    assert expire() is False
    assert Wakeup.objects.get(work="tags").due_at == end  # what a sweep finds again


def test_another_end_replaces_the_first_and_none_leaves_it(ada: Member) -> None:
    first, second = timezone.now() + timedelta(days=1), timezone.now() + timedelta(days=9)
    assert add_tag(member=ada, name="guest", expires_at=first) is True
    assert add_tag(member=ada, name="guest", expires_at=second) is False
    assert add_tag(member=ada, name="guest") is False
    assert MemberTag.objects.get(member=ada).expires_at == second


def test_end_in_the_past_is_refused(ada: Member) -> None:
    with pytest.raises(MemberError) as refused:
        add_tag(member=ada, name="guest", expires_at=timezone.now() - timedelta(seconds=1))
    assert list(refused.value.fields) == ["expires_at"]
    assert names(ada) == []


def test_expiry_looks_at_its_own_workspace_only(acme: Tenant, globex: Tenant) -> None:
    now = timezone.now()
    with tenant_context(globex.pk):
        other, _created = upsert_member(external_id="ada", traits={})
        add_tag(member=other, name="guest", expires_at=now + timedelta(days=1))
    with tenant_context(acme.pk):
        assert expire_tags(now=now + timedelta(days=2)) == 0
    with tenant_context(globex.pk):
        assert expire_tags(now=now + timedelta(days=2)) == 1


def test_tag_taken_off_by_hand_does_not_expire_again(ada: Member) -> None:
    now = timezone.now()
    add_tag(member=ada, name="guest", expires_at=now + timedelta(days=1))
    remove_tag(member=ada, name="guest")
    assert expire_tags(now=now + timedelta(days=2)) == 0
