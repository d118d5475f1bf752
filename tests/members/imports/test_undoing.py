"""Undo: everything as it was, but for what somebody changed since."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from members.actions import accept_events, add_tag, canonical_event, record_consent, upsert_member
from members.actions.imports import run_import, undo_import
from members.models import Consent, ConsentRecord, Identity, Import, Member, MemberState, MemberTag
from members.queries import live_members
from tests.members.imports.rehearsal import imported, table, worked_off
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain

CONTENT = table(
    ("id", "email", "first name", "pets", "tags", "email consent"),
    ("c1", "new@example.com", "Ada", "3", "vip, fair", "no"),
    ("c2", "bo@example.com", "Bo", "1", "fair", "yes"),
    ("c3", "cy@example.com", "Cy", "2", "", ""),
)
OPTIONS: dict[str, Any] = {
    "consent_source": "fair",
    "targets": {"pets": {"target": "attribute:pets", "type": "number"}},
}


def everything() -> dict[str, Any]:
    """What is known of all live members, without the moments of writing."""
    members = live_members().order_by("pk")
    fields = ("external_id", "email", "first_name", "attributes", "first_seen_at")
    return {
        "members": list(members.values(*fields)),
        "identities": list(Identity.objects.order_by("kind", "value").values_list("member_id", "kind", "value")),
        "tags": list(MemberTag.objects.order_by("member_id", "tag_id").values_list("member_id", "tag_id")),
        "held": list(MemberState.objects.exclude(tag_ids=[]).order_by("pk").values_list("pk", "tag_ids")),
        "consents": list(Consent.objects.filter(granted=True).values_list("member_id", "channel", "purpose")),
    }


@pytest.fixture
def before(in_acme: Tenant) -> dict[str, Any]:
    ada, _created = upsert_member(
        external_id="c1", traits={"email": "ada@example.com", "first_name": "Ada", "attributes": {"hat": "red"}}
    )
    add_tag(member=ada, name="vip")
    record_consent(member=ada, channel="email", purpose="marketing", granted=True, source="web")
    Identity.objects.get_or_create(member=ada, kind="email", value="ada@example.com", defaults={"from_profile": True})
    drain(in_acme.pk, names=["stream"])
    return everything()


def undone(job: Import) -> Import:
    undo_import(job=job)
    return worked_off(job)


def test_undo_restores_everything(before: dict[str, Any]) -> None:
    job = imported(CONTENT, **OPTIONS)
    assert everything() != before
    undone(job)
    assert (job.state, job.counts["undo"]) == (
        "undone",
        {"restored": 1, "removed": 2, "changed_since": 0, "used_since": 0},
    )
    assert everything() == before
    said = ConsentRecord.objects.order_by("id").values_list("granted", "source")
    undo = f"undo of import {job.pk}"
    assert list(said) == [(True, "web"), (False, "fair"), (True, "fair"), (True, undo), (False, undo)]


def test_what_was_changed_since_stays_and_is_counted(before: dict[str, Any]) -> None:
    job = imported(CONTENT, **OPTIONS)
    upsert_member(external_id="c1", traits={"email": "newer@example.com"})
    accept_events([canonical_event({"external_id": "c2", "name": "purchase"}, trusted=True, now=timezone.now())])
    drain(require_tenant(), names=["stream"])
    undone(job)
    assert job.counts["undo"] == {"restored": 0, "removed": 1, "changed_since": 1, "used_since": 1}
    ada, bo = Member.objects.get(external_id="c1"), Member.objects.get(external_id="c2")
    assert (ada.email, ada.attributes) == ("newer@example.com", {"hat": "red"})
    assert (bo.email, bo.attributes) == ("bo@example.com", {"pets": 1})
    assert Identity.objects.get(kind="external_id", value="c2").member_id == bo.pk
    assert not Member.objects.filter(external_id="c3").exists()


def test_member_removed_by_an_undo_can_come_back(before: dict[str, Any]) -> None:
    undone(imported(CONTENT, **OPTIONS))
    assert imported(CONTENT, **OPTIONS).counts == {"changed": 1, "new": 2}
    assert live_members().count() == 3


def test_import_is_undone_only_once_and_only_after_it_ran(before: dict[str, Any]) -> None:
    job = imported(CONTENT, **OPTIONS)
    undone(job)
    for action in (undo_import, run_import):
        with pytest.raises(ValidationError):
            action(job=job)
    Import.objects.filter(pk=job.pk).update(state="done", undo_until=timezone.now())
    with pytest.raises(ValidationError) as refusal:
        undo_import(job=job)
    assert refusal.value.code == "too_late_to_undo"
