"""Another workspace's ids answer exactly as ids that do not exist: on every route, in addresses, bodies and filters.

Generated from the URL configuration: a new route is in here without being named; a new kind of id needs a maker in
cast.py, and the first test says so.
"""

import re
from typing import Any

import pytest
from django.db.models import Value
from django.db.models.functions import Concat

from analytics.queries import registered_kpis
from members.models import EventKey, Identity, Member, MemberTag
from tests.api.cast import Cast, make_cast, make_crowd
from tests.api.routes import Route, api_routes
from tests.rest.client import ApiClient
from urm.rest.filters import IdFilter
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

pytestmark = pytest.mark.django_db

ROUTES = api_routes()
SHARED = {"name"}  # of key figures: they are part of the platform, the same in every workspace
NOWHERE: dict[type, Any] = {str: "c-404-nobody", int: 2_000_000_123}


@pytest.fixture
def theirs(globex: Tenant, acme: Tenant) -> Cast:
    return make_cast(globex)


def example_body(route: Route, method: str) -> Any:
    return getattr(getattr(route.view, method), "documented").request_example  # noqa: B009 - set by a decorator


def is_list(route: Route) -> bool:
    return bool(getattr(route.view.get, "documented").many)  # type: ignore[attr-defined]  # noqa: B009 - as above


def seen(response: Any, *ids: Any) -> tuple[int, str]:
    """Status and body, without the ids asked for and without times and fresh ids."""
    text = response.content.decode()
    for known in ids:
        text = text.replace(str(known), "?")
    text = re.sub(r'"\d{4}-\d\d-\d\dT[^"]*"', '"time"', text)
    text = re.sub(r'"id":\d+', '"id":0', text)
    return response.status_code, text


def numbers_named_id(body: Any) -> set[str]:
    """Names of all fields in an example body that hold the id of something."""
    if isinstance(body, list):
        return {name for item in body for name in numbers_named_id(item)}
    if not isinstance(body, dict):
        return set()
    own = {name for name, value in body.items() if name.endswith("_id") and isinstance(value, int)}
    return own.union(*(numbers_named_id(value) for value in body.values()))


def with_ids(body: Any, ids: dict[str, Any]) -> Any:
    if isinstance(body, list):
        return [with_ids(item, ids) for item in body]
    if not isinstance(body, dict):
        return body
    return {name: ids[name] if name in ids else with_ids(value, ids) for name, value in body.items()}


def test_every_id_has_a_sample(theirs: Cast) -> None:
    wanted = {name for route in ROUTES for name in route.parameters}
    wanted |= {name for _id, route, method in bodies() for name in numbers_named_id(example_body(route, method))}
    wanted |= {f"{name.removesuffix('_id')}_id" for _id, _route, name in filters()}
    assert wanted - set(theirs) == set()


def cases() -> list[tuple[str, Route, str, str]]:
    return [
        (f"{method} {route.path} {parameter}", route, method, parameter)
        for route in ROUTES
        for parameter in route.parameters
        for method in route.methods
        if parameter not in SHARED
    ]


@pytest.mark.parametrize(("route", "method", "parameter"), [case[1:] for case in cases()], ids=[c[0] for c in cases()])
def test_address_of_another_workspace_answers_as_none(
    route: Route, method: str, parameter: str, api: ApiClient, acme: Tenant, theirs: Cast
) -> None:
    """One parameter is theirs, the others are our own, so that nothing else is the reason for the refusal."""
    ours = make_cast(acme)
    with tenant_context(acme.pk):  # what both workspaces call the same, only the other one keeps
        if parameter == "external_id":
            Identity.objects.filter(kind="external_id").update(value=Concat("value", Value(" ours")))
            Member.objects.update(external_id=Concat("external_id", Value(" ours")))
        if parameter == "event_id":
            EventKey.objects.all().delete()
        if parameter == "tag":
            MemberTag.objects.all().delete()
    body = with_ids(example_body(route, method), ours)
    answers = []
    for value in (theirs[parameter], NOWHERE[type(theirs[parameter])]):
        values = {name: ours[name] for name in route.parameters} | {parameter: value}
        response = api.send(method.upper(), route.path.format(**values), body)
        answers.append(seen(response, value))
        with tenant_context(acme.pk):  # an address is the identity of who came first: of neither here
            Identity.objects.filter(from_profile=True).delete()
    assert answers[0] == answers[1]


def filters() -> list[tuple[str, Route, str]]:
    return [
        (f"{route.path}?{name}", route, name)
        for route in ROUTES
        if "get" in route.methods and route.view.filterset_class is not None and not route.parameters
        for name, one in route.view.filterset_class.base_filters.items()
        if isinstance(one, IdFilter)
    ]


@pytest.mark.parametrize(("route", "name"), [case[1:] for case in filters()], ids=[case[0] for case in filters()])
def test_filter_by_another_workspaces_id_finds_what_none_finds(
    route: Route, name: str, api: ApiClient, acme: Tenant, theirs: Cast
) -> None:
    make_cast(acme)
    answers = [
        seen(api.get(f"{route.path}?{name}={value}"), value)
        for value in (theirs[f"{name.removesuffix('_id')}_id"], NOWHERE[int])
    ]
    assert answers[0] == answers[1]


def bodies() -> list[tuple[str, Route, str]]:
    return [
        (f"{method} {route.path}", route, method)
        for route in ROUTES
        for method in route.methods
        if numbers_named_id(example_body(route, method))
    ]


@pytest.mark.parametrize(("route", "method"), [case[1:] for case in bodies()], ids=[case[0] for case in bodies()])
def test_body_that_names_another_workspaces_id_is_refused_as_one_that_names_none(
    route: Route, method: str, api: ApiClient, acme: Tenant, theirs: Cast
) -> None:
    ours = make_cast(acme)
    path = route.path.format(**{name: ours[name] for name in route.parameters})
    example = example_body(route, method)
    for name in numbers_named_id(example):
        answers = [
            seen(api.send(method.upper(), path, with_ids(example, ours | {name: value})), value)
            for value in (theirs[name], NOWHERE[int])
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] in {400, 404, 409}


LISTS = [route for route in ROUTES if "get" in route.methods and not route.parameters and is_list(route)]


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.path)
def test_list_is_empty_whatever_the_other_workspace_holds(route: Route, api: ApiClient, theirs: Cast) -> None:
    response = api.get(route.path)
    assert (response.status_code, response.json()) == (200, {"data": [], "next": None})


@pytest.mark.parametrize("kpi", [kpi.name for kpi in registered_kpis()])
def test_key_figure_is_unmoved_by_the_other_workspace(kpi: str, api: ApiClient, globex: Tenant) -> None:
    before = api.get(f"/api/v1/kpis/{kpi}").json()["points"]
    make_crowd(globex, 2)
    assert api.get(f"/api/v1/kpis/{kpi}").json()["points"] == before
