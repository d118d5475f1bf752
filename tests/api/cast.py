"""One of everything that an address of the API can name, in one workspace."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from members.actions import add_tag, upsert_member
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant

# Path parameter, or (first part of the address, path parameter) → what makes such a thing and gives its id.
_MAKERS: dict[str | tuple[str, str], Callable[[], Any]] = {}


def names(*parameters: str | tuple[str, str]) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def decorate(make: Callable[[], Any]) -> Callable[[], Any]:
        _MAKERS.update(dict.fromkeys(parameters, make))
        return make

    return decorate


@dataclass
class Cast:
    """`ids`: what stands in an address for each parameter."""

    ids: dict[str | tuple[str, str], Any] = field(default_factory=dict)

    def of(self, path: str, parameter: str, otherwise: Any) -> Any:
        room = path.removeprefix("/api/v1/").split("/")[0]
        return self.ids.get((room, parameter), self.ids.get(parameter, otherwise))


def make_cast(tenant: Tenant) -> Cast:
    with tenant_context(tenant.pk):
        return Cast({parameter: make() for parameter, make in _MAKERS.items()})


@names("external_id")
def _member() -> str:
    member, _created = upsert_member(
        external_id="c-1", traits={"email": "ada@example.com", "first_name": "Ada", "attributes": {"pets": 2}}
    )
    add_tag(member=member, name="vip")
    return "c-1"


@names(("members", "name"))
def _tag() -> str:
    return "vip"
