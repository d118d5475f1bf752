"""What every page of the admin gets from its base: language, constraints, audit, paging."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from members.models import AttributeDefinition, Member, MemberState
from members.queries import live_members
from tests.ui.conftest import sign_in
from urm.audit.models import AuditEntry
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant, User

pytestmark = pytest.mark.django_db

MEMBERS = "/w/acme/admin/members/member/"


@pytest.mark.parametrize(
    ("chosen", "cookie", "browser", "shown"),
    [
        ("", None, "de", "zh-hans"),  # the workspace's
        ("", None, "en", "zh-hans"),
        ("en", "zh-hans", "zh-cn", "en"),  # the person's choice comes before all
        ("", "en", "zh-cn", "en"),
    ],
)
def test_language_is_the_choice_then_the_workspaces(
    client: Client, showcase: tuple[Tenant, Tenant], chosen: str, cookie: str | None, browser: str, shown: str
) -> None:
    User.objects.filter(email="viewer@globex.example.com").update(language=chosen)
    sign_in(client, "viewer@globex.example.com")
    if cookie:
        client.cookies["language"] = cookie
    answer = client.get("/w/globex/admin/", headers={"accept-language": browser})
    assert answer.headers["Content-Language"] == shown


def test_log_in_page_speaks_the_browsers_language(client: Client) -> None:
    answer = client.get("/login/", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert "<h1>登录</h1>" in answer.content.decode()


def test_second_row_of_a_name_is_refused_at_its_field(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    sign_in(client, "owner@example.com")
    data = {"name": "drink", "type": "text", "label_en": "Again", "label_zh": "", "choices": ""}
    answer = client.post("/w/acme/admin/members/attributedefinition/add/", data)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {
        "name": ["Another attribute has this already; choose a different one."]
    }


def test_write_through_the_admin_is_audited_with_what_changed(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    acme, _globex = showcase
    sign_in(client, "owner@example.com")
    with tenant_context(acme.pk):
        row = AttributeDefinition.objects.get(name="drink")
    data = {"label_en": "Drink", "label_zh": "最爱饮品", "choices": "coffee\n\n tea \ncoffee", "personal": ""}
    answer = client.post(f"/w/acme/admin/members/attributedefinition/{row.pk}/change/", data)
    assert answer.status_code == 302
    with tenant_context(acme.pk):
        entry = AuditEntry.objects.get(verb="attributedefinition.update")
    assert (entry.actor_label, entry.before, entry.after) == (
        "Olivia Owner",
        {"label_en": "Favourite drink"},
        {"label_en": "Drink"},
    )


def names_of(answer: Any) -> list[str]:
    return [member.external_id for member in answer.context["cl"].result_list]


def test_pages_of_a_large_list_follow_one_another_without_gap_or_repeat(
    client: Client, showcase: tuple[Tenant, Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib import admin  # noqa: PLC0415 - its registry is what is looked at

    monkeypatch.setattr(admin.site._registry[Member], "list_per_page", 15)
    with tenant_context(showcase[0].pk):  # many of the same moment: the id has to decide
        Member.objects.filter(pk__gt=0).update(created_at=timezone.now() - timedelta(days=1))
    sign_in(client, "viewer@acme.example.com")
    seen, address = [], MEMBERS
    while address:
        answer = client.get(address)
        seen += names_of(answer)
        following = answer.context["cl"].next_url
        address = MEMBERS + following if following else ""
    with tenant_context(showcase[0].pk):
        assert seen == list(live_members().order_by("-pk").values_list("external_id", flat=True))


def test_place_that_makes_no_sense_leads_to_the_first_page(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    sign_in(client, "viewer@acme.example.com")
    for place in ("x", "2026-01-01~1", "~", "2026-01-01T00:00:00+00:00~x", "a~b~c"):
        answer = client.get(MEMBERS, {"after": place})
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{MEMBERS}?e=1")


@pytest.mark.parametrize(
    ("workspace", "words", "found"),
    [
        ("acme", "love", 8),
        ("acme", "ada LOVE", 8),
        ("acme", "c0007", 1),
        ("acme", "person12@", 1),
        ("acme", "100%", 0),
        ("globex", "王小", 8),
        ("globex", "小明", 9),
        ("globex", "王小明", 8),
        ("globex", "丽李", 0),
    ],
)
def test_search_finds_pieces_of_names(
    client: Client, showcase: tuple[Tenant, Tenant], workspace: str, words: str, found: int
) -> None:
    sign_in(client, f"viewer@{workspace}.example.com")
    answer = client.get(f"/w/{workspace}/admin/members/member/", {"q": words})
    assert len(names_of(answer)) == found


def test_filter_by_another_workspaces_tag_finds_what_an_unknown_tag_finds(
    client: Client, showcase: tuple[Tenant, Tenant]
) -> None:
    _acme, globex = showcase
    with tenant_context(globex.pk):
        state = MemberState.objects.exclude(segment_ids=[]).exclude(tag_ids=[]).exclude(stage_id=None).first()
    assert state is not None
    assert state.stage_id is not None
    sign_in(client, "owner@example.com")
    for name, value in (("tag", state.tag_ids[0]), ("segment", state.segment_ids[0]), ("stage", state.stage_id)):
        answer = client.get(MEMBERS, {name: value})
        assert (name, answer.status_code, names_of(answer)) == (name, 200, [])
        assert names_of(client.get(MEMBERS, {name: 987_654})) == []


def test_member_page_asks_a_bounded_number_of_queries(client: Client, showcase: tuple[Tenant, Tenant]) -> None:
    acme, _globex = showcase
    sign_in(client, "viewer@acme.example.com")
    with tenant_context(acme.pk):
        first, last = (Member.objects.get(external_id=name).pk for name in ("C0000", "C0039"))
    counts = []
    for pk in (first, last):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"{MEMBERS}{pk}/change/").status_code == 200
        counts.append(len([one for one in queries if not one["sql"].startswith(("SET LOCAL", "SAVEPOINT", "RELEASE"))]))
    assert max(counts) <= 60
