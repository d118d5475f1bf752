"""Another workspace's ids answer exactly as ids that do not exist: on every route, in addresses, bodies and filters.

Generated from the URL configuration: a new route is in here without being named; a new kind of id needs a maker in
cast.py, and the first test says so.
"""

import re
from typing import Any

import orjson
import pytest

from tests.api.cast import Cast, make_cast
from tests.api.routes import Route, api_routes
from tests.rest.client import ApiClient
from urm.rest.filters import IdFilter
from urm.tenancy.models import Tenant

pytestmark = pytest.mark.django_db

ROUTES = api_routes()
NOWHERE: dict[type, Any] = {str: "c-404-nobody", int: 2_000_000_123}


@pytest.fixture
def theirs(globex: Tenant, acme: Tenant) -> Cast:
    return make_cast(globex)


def example_body(route: Route, method: str) -> Any:
    return getattr(getattr(route.view, method), "documented").request_example  # noqa: B009 - set by a decorator


def seen(response: Any, *ids: Any) -> tuple[int, str]:
    """Status and body, without the ids asked for and without times and fresh ids."""
    text = response.content.decode()
    for known in ids:
        text = text.replace(orjson.dumps(known).decode(), '"?"').replace(str(known), "?")
    text = re.sub(r'"\d{4}-\d\d-\d\dT[^"]*"', '"time"', text)
    text = re.sub(r'"id":\d+', '"id":0', text)
    return response.status_code, text


def with_ids(body: Any, cast: Cast, path: str) -> Any:
    """The example with each `<thing>_id` replaced by the cast's; None when there is none to replace."""
    if not isinstance(body, dict):
        return None
    replaced = {
        key: cast.of(f"/api/v1/{key.removesuffix('_id')}s", "pk", value)
        for key, value in body.items()
        if key.endswith("_id")
    }
    return {**body, **replaced} if any(body[key] != replaced[key] for key in replaced) else None


def test_every_parameter_has_a_sample(theirs: Cast) -> None:
    missing = [
        (route.path, name) for route in ROUTES for name in route.parameters if theirs.of(route.path, name, None) is None
    ]
    assert missing == []


def cases() -> list[tuple[str, Route, str, str]]:
    return [
        (f"{method} {route.path} {parameter}", route, method, parameter)
        for route in ROUTES
        for parameter in route.parameters
        for method in route.methods
    ]


@pytest.mark.parametrize(("route", "method", "parameter"), [case[1:] for case in cases()], ids=[c[0] for c in cases()])
def test_address_of_another_workspace_answers_as_none(
    route: Route, method: str, parameter: str, api: ApiClient, acme: Tenant, theirs: Cast
) -> None:
    """One parameter is theirs, the others are our own, so that nothing else is the reason for the refusal."""
    ours = make_cast(acme) if len(route.parameters) > 1 else Cast()
    body = example_body(route, method)
    answers = []
    for foreign in (True, False):
        values = {name: ours.of(route.path, name, None) for name in route.parameters}
        value = theirs.of(route.path, parameter, None) if foreign else NOWHERE[int if parameter in route.whole else str]
        values[parameter] = value
        # Text ids are the same in both workspaces by design: here only the other one has this.
        if isinstance(value, str) and foreign and len(route.parameters) > 1:
            pytest.skip("a text id that both workspaces have: the single-parameter routes show it")
        response = api.send(method.upper(), route.path.format(**values), body)
        answers.append(seen(response, value))
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
    their_id = theirs.of(f"/api/v1/{name}s", "pk", NOWHERE[int] - 1)
    answers = [seen(api.get(f"{route.path}?{name}={value}"), value) for value in (their_id, NOWHERE[int])]
    assert answers[0] == answers[1]


def bodies() -> list[tuple[str, Route, str]]:
    return [
        (f"{method} {route.path}", route, method)
        for route in ROUTES
        for method in route.methods
        if isinstance(example_body(route, method), dict)
        and any(key.endswith("_id") and isinstance(value, int) for key, value in example_body(route, method).items())
    ]


@pytest.mark.parametrize(("route", "method"), [case[1:] for case in bodies()], ids=[case[0] for case in bodies()])
def test_body_that_names_another_workspaces_id_is_refused_as_one_that_names_none(
    route: Route, method: str, api: ApiClient, acme: Tenant, theirs: Cast
) -> None:
    ours = make_cast(acme)
    path = route.path.format(**{name: ours.of(route.path, name, None) for name in route.parameters})
    example = example_body(route, method)
    keys = [key for key, value in example.items() if key.endswith("_id") and isinstance(value, int)]
    for key in keys:
        their_id = theirs.of(f"/api/v1/{key.removesuffix('_id')}s", "pk", None)
        assert their_id is not None, f"cast.py makes no {key.removesuffix('_id')}"
        own = {one: ours.of(f"/api/v1/{one.removesuffix('_id')}s", "pk", None) for one in keys}
        answers = [
            seen(api.send(method.upper(), path, {**example, **own, key: value}), value)
            for value in (their_id, NOWHERE[int])
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] in {400, 404, 409}


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if "get" in route.methods and not route.parameters], ids=lambda r: r.path
)
def test_list_is_empty_whatever_the_other_workspace_holds(route: Route, api: ApiClient, theirs: Cast) -> None:
    response = api.get(route.path)
    assert (response.status_code, response.json()) == (200, {"data": [], "next": None})
