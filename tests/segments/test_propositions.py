"""Versions of value propositions, and in which language somebody is addressed."""

from typing import Any

import pytest
from django.test import Client

from segments.actions import create_segment, edit_segment, save_proposition
from segments.models import Segment, ValueProposition
from segments.queries.propositions import Proposition, current_propositions, in_language, propositions_of_versions
from tests.ui.conftest import sign_in
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant


@pytest.fixture
def segment(in_acme: Tenant) -> Segment:
    return create_segment(name="Bakers", kind="static")


def test_each_change_is_a_version_and_no_change_is_none(segment: Segment) -> None:
    first = save_proposition(segment=segment, language="en", wording="Bread", pain_points="Early hours")
    again = save_proposition(segment=segment, language="en", wording="Bread", pain_points="Early hours")
    second = save_proposition(segment=segment, language="en", wording="Fresh bread", pain_points="Early hours")
    other = save_proposition(segment=segment, language="zh-hans", wording="面包")
    assert first is not None
    assert second is not None
    assert other is not None
    assert (first.version, again, second.version, other.version) == (1, None, 2, 1)
    found = current_propositions(segment)
    assert {language: (one.version, one.wording) for language, one in found.items()} == {
        "en": (2, "Fresh bread"),
        "zh-hans": (1, "面包"),
    }
    old = propositions_of_versions(segment, {"en": 1, "zh-hans": 1})
    assert {language: one.wording for language, one in old.items()} == {"en": "Bread", "zh-hans": "面包"}
    segment.refresh_from_db()
    assert segment.value_proposition == "Fresh bread"  # the workspace's own language


def test_wording_given_with_the_segment_is_its_first_version(in_acme: Tenant) -> None:
    segment = create_segment(name="Bakers", kind="static", value_proposition="Bread")
    save_proposition(segment=segment, language="en", wording="Bread", pain_points="Early hours")
    edit_segment(segment=segment, value_proposition="Cake")
    rows = ValueProposition.objects.order_by("version").values_list("version", "wording", "pain_points")
    assert list(rows) == [(1, "Bread", ""), (2, "Bread", "Early hours"), (3, "Cake", "Early hours")]


def test_language_is_the_members_else_its_root_else_the_workspaces() -> None:
    english, chinese = Proposition("en", 1, "", "", "Bread"), Proposition("zh-hans", 1, "", "", "面包")
    both = {"en": english, "zh-hans": chinese}
    assert in_language(both, ["zh-hans", "en"]) == chinese
    assert in_language(both, ["zh-CN", "en"]) == chinese
    assert in_language(both, ["en-GB", "zh-hans"]) == english
    assert in_language(both, ["fr", "zh-hans"]) == chinese
    assert in_language(both, [None, "fr"]) == english
    assert in_language({}, ["en"]) is None


def test_page_saves_a_version_and_brings_an_old_one_back(client: Client, acme: Tenant, staff: Any) -> None:
    with tenant_context(acme.pk):
        segment = create_segment(name="Bakers", kind="static", value_proposition="Bread")
    sign_in(client, staff(acme, "marketer").email)
    address = f"/w/acme/admin/segments/segment/{segment.pk}/proposition/"
    assert client.post(address, {"language": "en", "wording": "Cake"}).status_code == 302
    assert client.post(address, {"language": "en", "again": "1"}).status_code == 302
    with tenant_context(acme.pk):
        rows = ValueProposition.objects.order_by("version").values_list("version", "wording")
        assert list(rows) == [(1, "Bread"), (2, "Cake"), (3, "Bread")]
