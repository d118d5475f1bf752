"""What the rule builder asks the server for."""

import json
from typing import Any

import pytest
from django.test import Client

from tests.ui.conftest import Workspaces, built_showcase, showcase, sign_in

__all__ = ["built_showcase", "showcase"]  # fixtures, for this module alone

pytestmark = pytest.mark.django_db
ADMIN = "/w/acme/admin/rules/"


@pytest.fixture
def staff(client: Client, showcase: Workspaces) -> Client:
    sign_in(client, "viewer@acme.example.com")
    return client


def answer_of(staff: Client, path: str, **query: Any) -> dict[str, Any]:
    answer = staff.get(f"{ADMIN}{path}", query)
    assert answer.status_code == 200
    return dict(answer.json())


def test_language_names_events_as_the_timeline_does(staff: Client) -> None:
    facts = {fact["key"]: fact for fact in answer_of(staff, "language/")["facts"]}
    labels = {one["value"]: one["label"] for one in facts["event"]["parameters"][0]["options"]}
    assert labels["page_view"] == "Page viewed · page_view"
    assert labels["urm.tag.added"] == "Tag added · urm.tag.added"
    drink = next(one for one in facts["attribute"]["variants"] if one["kind"] == "choice")
    assert drink["choices"] == [{"value": "coffee", "label": "coffee"}, {"value": "tea", "label": "tea"}]
    stages = next(one for one in facts["stage"]["variants"] if one["absent"] == ["what"])
    assert stages["choices"][0] == {"value": "prospect", "label": "Prospect"}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ({"names": "tag", "q": "vi"}, [{"value": "VIP", "label": "VIP"}]),
        (
            {"term": json.dumps({"fact": "profile", "name": "first_name"}), "q": "ada"},
            [{"value": "Ada", "label": "Ada"}],
        ),
        ({"term": "{"}, []),
        ({"term": "[]"}, []),
        ({"event": "purchase", "q": "st"}, [{"value": "store", "label": "store", "type": "text"}]),
        ({"event": "purchase", "prop": "store"}, [{"value": "Harbour", "label": "Harbour"}]),
        ({"names": "tag", "q": "a\0b", "page": "x"}, []),
    ],
)
def test_suggestions(staff: Client, query: dict[str, str], first: list[dict[str, str]]) -> None:
    assert answer_of(staff, "suggestions/", **query) == {"options": first, "more": False}


def test_preview_counts_every_condition(staff: Client) -> None:
    nowhere = {"fact": "profile", "name": "source", "op": "eq", "value": "nowhere"}
    rule = {"all": [{"fact": "tag", "name": "VIP", "op": "is_true"}, nowhere]}
    answer = staff.post(f"{ADMIN}preview/", rule, content_type="application/json").json()
    assert (answer["count"], answer["margin"], answer["sample"]) == ("0", None, [])
    assert answer["words"] == {
        "en": "has the tag VIP, and acquisition source is “nowhere”",
        "zh-hans": "有标签 VIP，且获客来源为“nowhere”",
    }
    vip, everybody = int(answer["parts"][1]["alone"]), int(answer["everybody"])
    assert 0 < vip < everybody
    assert [(part["path"], part["alone"], part["together"], part["share"]) for part in answer["parts"]] == [
        ("rule", "0", None, 0),
        ("all[0]", f"{vip}", f"{vip}", vip / everybody),
        ("all[1]", "0", "0", 0),
    ]


def test_preview_tells_what_is_wrong_and_where(staff: Client) -> None:
    rule = {"all": [{"fact": "tag", "name": "VIP", "op": "is_true"}, {"fact": "tag", "name": "VIP", "op": "is_tru"}]}
    answer = staff.post(f"{ADMIN}preview/", rule, content_type="application/json").json()
    assert answer == {
        "problems": [
            {
                "path": "all[1].op",
                "message": "unknown operator for a boolean “is_tru”; did you mean “is_true”?",
                "code": "unknown_name",
            }
        ]
    }


@pytest.mark.parametrize("body", ["", "{", "[" * 40_000, "null", "\ud800", '{"all": ' * 3000])
def test_preview_survives_anything(staff: Client, body: str) -> None:
    answer = staff.post(f"{ADMIN}preview/", body.encode("utf-8", "surrogatepass"), content_type="application/json")
    assert (answer.status_code, [*answer.json()]) == (200, ["problems"])


def test_support_may_not_ask(client: Client, showcase: Workspaces) -> None:
    sign_in(client, "support@acme.example.com")
    assert [client.get(f"{ADMIN}{path}").status_code for path in ("language/", "suggestions/", "preview/")] == [403] * 3
