"""What each role may do: capabilities named `area.verb`, the same words as the scopes of API keys."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

AREAS = ("members", "segments", "campaigns", "feedback", "loyalty", "analytics", "workspace", "audit")

_VIEW_ALL = frozenset(f"{area}.view" for area in AREAS if area not in {"workspace", "audit"})
_MARKETING = frozenset(
    {
        "members.change",
        "members.export",
        "segments.change",
        "campaigns.change",
        "campaigns.launch",
        "feedback.change",
        "loyalty.change",
    }
)
_ADMIN = _VIEW_ALL | _MARKETING | {"members.erase", "workspace.view", "workspace.change", "audit.view"}

# What a secret key can be allowed; `events.write` is all that a publishable key has,
# and `events.correct` lets a secret one change and delete what was sent.
SCOPES = ("events.write", "events.correct", *sorted(_VIEW_ALL | _MARKETING | {"members.erase"}))


@dataclass(frozen=True)
class RoleDefinition:
    label: str | Promise
    capabilities: frozenset[str]


ROLES = {
    "owner": RoleDefinition(_("owner"), _ADMIN | {"workspace.own"}),
    "admin": RoleDefinition(_("admin"), _ADMIN),
    "marketer": RoleDefinition(_("marketer"), _VIEW_ALL | _MARKETING),
    "analyst": RoleDefinition(_("analyst"), _VIEW_ALL | {"members.export", "segments.change"}),
    "support": RoleDefinition(
        _("support"),
        frozenset({"members.view", "members.change", "feedback.view", "feedback.change", "loyalty.view"}),
    ),
    "viewer": RoleDefinition(_("viewer"), _VIEW_ALL),
}


def allows(role: str | None, capability: str) -> bool:
    return role is not None and capability in ROLES[role].capabilities
