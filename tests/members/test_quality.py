"""Figures on the data's quality, and the members behind each."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from members.actions import upsert_member
from members.models import AttributeDefinition, Member
from members.queries.quality import AGES, candidates, completeness, freshness, having, judged
from tests.conftest import PASSWORD
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(acme: Tenant) -> Tenant:
    with tenant_context(acme.pk):
        AttributeDefinition.objects.create(name="pets", type="number", label_en="Pets")
        AttributeDefinition.objects.create(name="drink", type="choice", label_en="Drink", choices=["tea"])
        upsert_member(
            external_id="c1",
            traits={
                "email": "a@example.com",
                "source": "store",
                "attributes": {"pets": 2, "drink": "tea", "hat": "red"},
            },
        )
        upsert_member(external_id="c2", traits={"phone": "+8613812345678", "attributes": {"born": "2020-01-02"}})
        member, _created = upsert_member(external_id="c3", traits={"source": "store"})
        Member.objects.filter(pk=member.pk).update(
            email="nobody", attributes={"pets": "two", "drink": "beer"}, updated_at=timezone.now() - timedelta(days=100)
        )
        visitor, _created = upsert_member(external_id="gone", traits={})
        Member.objects.filter(pk=visitor.pk).update(external_id=None)
    return acme


def test_every_field_and_attribute_is_counted_and_checked(people: Tenant) -> None:
    with tenant_context(people.pk):
        found = {one.name: (one.filled, one.total, one.invalid) for one in completeness()}
    assert (found["email"], found["phone"], found["city"]) == ((2, 3, 1), (1, 3, 0), (0, 3, None))
    assert (found["attributes.pets"], found["attributes.drink"]) == ((2, 3, 1), (2, 3, 1))


def test_figure_and_list_behind_it_agree(people: Tenant) -> None:
    with tenant_context(people.pk):
        for one in completeness():
            missing = having(f"missing:{one.name}")
            assert judged().filter(missing).count() == one.total - one.filled, one.name
            if one.invalid is not None:
                assert judged().filter(having(f"invalid:{one.name}")).count() == one.invalid, one.name
        assert [having(flaw) for flaw in ("", "missing:password", "invalid:attributes.none", "unchanged:x")] == [
            None
        ] * 4


def test_freshness_is_told_by_source(people: Tenant) -> None:
    with tenant_context(people.pk):
        assert AGES == (30, 90, 365)
        assert [(one.source, one.members, one.older) for one in freshness()] == [
            ("store", 2, (1, 1, 0)),
            ("", 1, (0, 0, 0)),
        ]


def test_unregistered_attributes_are_candidates_with_a_type(people: Tenant) -> None:
    with tenant_context(people.pk):
        assert [(one.name, one.type, one.filled, one.sampled, one.examples) for one in candidates()] == [
            ("born", "date", 1, 4, ("2020-01-02",)),
            ("hat", "text", 1, 4, ("red",)),
        ]


def test_page_links_to_the_members_and_registers_with_a_click(
    people: Tenant, staff: Callable[..., User], client: Client
) -> None:
    client.post("/login/", {"username": staff(people, "admin").email, "password": PASSWORD})
    shown = client.get("/w/acme/admin/quality/").content.decode()
    assert "?known=yes&amp;quality=invalid%3Aattributes.pets" in shown
    listed = client.get("/w/acme/admin/members/member/?known=yes&quality=invalid:attributes.pets")
    assert [member.external_id for member in listed.context["cl"].result_list] == ["c3"]
    listed = client.get("/w/acme/admin/members/member/?known=yes&from=store&quality=unchanged:90")
    assert [member.external_id for member in listed.context["cl"].result_list] == ["c3"]
    with tenant_context(people.pk):
        Member.objects.filter(external_id="c3").update(attributes={"born": 7})
    answer = client.post("/w/acme/admin/quality/promote/", {"name": "born", "type": "date"})
    assert answer.headers["Location"] == "/w/acme/admin/members/member/?known=yes&quality=invalid%3Aattributes.born"
    with tenant_context(people.pk):
        assert AttributeDefinition.objects.get(name="born").type == "date"
    again = client.post("/w/acme/admin/quality/promote/", {"name": "born", "type": "date"})
    assert again.headers["Location"] == "/w/acme/admin/quality/"
