"""What is offered while somebody types: what exists, the most frequent first, and nobody's personal data."""

from typing import Any

import pytest

from members.actions import add_tag, upsert_member
from members.models import AttributeDefinition, EventName, EventProperty
from segments.queries.suggestions import (
    PAGE,
    Suggestions,
    names_like,
    properties_like,
    property_values_like,
    values_like,
)
from tests.segments.conftest import Buy
from urm.rules import RuleError
from urm.rules.workspace import current_names
from urm.tenancy.models import Tenant


def options(*values: str) -> Suggestions:
    return Suggestions([{"value": value, "label": value} for value in values], more=False)


def test_names_are_found_by_any_part_and_paged(shop: Tenant) -> None:
    member, _created = upsert_member(external_id="a", traits={})
    for turn in range(PAGE + 2):
        add_tag(member=member, name=f"tag {turn:02}")
    add_tag(member=member, name="Other")
    names = current_names()
    first, second = (names_like("tag", "TAG", page, names) for page in (0, 1))
    assert [one["value"] for one in first.options] == [f"tag {turn:02}" for turn in range(PAGE)]
    assert (first.more, second) == (True, options("tag 30", "tag 31"))
    assert names_like("tag", "oth", 0, names) == options("Other")
    assert names_like("nothing of ours", "", 0, names) == options()


def test_values_are_those_that_several_members_have(shop: Tenant) -> None:
    for turn, city in enumerate(["Paris", "Paris", "Paris", "Lyon", "Lyon", "Nice"]):
        upsert_member(external_id=f"m{turn}", traits={"city": city, "email": f"m{turn}@example.com"})
    term: dict[str, Any] = {"fact": "profile", "name": "city"}
    assert values_like(term, "", 0, current_names()) == options("Paris", "Lyon")
    assert values_like(term, "L", 0, current_names()) == options("Lyon")
    assert values_like(term, "100%_\\", 0, current_names()) == options()
    assert values_like({"fact": "profile", "name": "email"}, "", 0, current_names()) == options()


def test_values_of_a_list_are_what_stands_in_it(shop: Tenant) -> None:
    AttributeDefinition.objects.create(name="likes", type="list")
    for external_id, likes in (("a", ["tea", "milk"]), ("b", ["tea"])):
        upsert_member(external_id=external_id, traits={"attributes": {"likes": likes}})
    assert values_like({"fact": "attribute", "name": "likes"}, "", 0, current_names()) == options("tea")


def test_numbers_and_unknown_facts_have_no_values(shop: Tenant) -> None:
    measured = {"fact": "event", "name": "purchase", "measure": "count"}
    assert values_like(measured, "", 0, current_names()) == options()
    with pytest.raises(RuleError):
        values_like({"fact": "nonsense"}, "", 0, current_names())


def test_properties_of_events_and_their_values(buy: Buy) -> None:
    buy("a", properties={"store": "Harbour", "lines": ["x", "y"], "online": True, "phone": "1"})
    buy("a", properties={"store": "Station", "nothing": None, "deep": {"a": 1}})
    buy("b", properties={"store": "Harbour", "lines": ["y"], "online": True, "phone": "1"})
    names, purchase = current_names(), ["purchase"]
    event = EventName.objects.get(name="purchase")
    types = {"store": "text", "lines": "list", "online": "boolean", "secret": "text", "phone": "text"}
    for name, kind in types.items():
        fields = {"type": kind, "hidden": name == "secret", "personal": name == "phone"}
        EventProperty.objects.update_or_create(event=event, name=name, defaults=fields)
    found = properties_like(purchase, "", 0, names).options
    assert {one["value"]: one["type"] for one in found if one["value"] in types} == {
        name: kind for name, kind in types.items() if name != "secret"
    }
    assert properties_like(purchase, "sto", 0, names).options == [{"value": "store", "label": "store", "type": "text"}]
    assert property_values_like(purchase, "store", "", 0, names) == options("Harbour")  # one member alone: Station
    assert property_values_like(purchase, "lines", "", 0, names) == options("y")
    assert property_values_like(purchase, "online", "", 0, names) == options("true")
    assert property_values_like(purchase, "deep", "", 0, names) == options()
    assert property_values_like(purchase, "phone", "", 0, names) == options()
    assert properties_like(["unheard"], "", 0, names) == options()
    EventProperty.objects.all().delete()  # as in a workspace older than the registry
    assert properties_like(purchase, "o", 0, names) == options("store", "online", "phone")  # the commonest first
