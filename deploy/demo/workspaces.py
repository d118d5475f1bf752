"""The demo's two workspaces with their staff and keys. Made once; a second start finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction

from deploy.paths import state_folder
from members.models import AttributeDefinition, EventName
from urm.audit.actions import record
from urm.audit.actor import Actor, acting_as
from urm.audit.models import AuditEntry
from urm.rest.authentication import hash_of
from urm.tenancy.actions import create_workspace
from urm.tenancy.context import tenant_context
from urm.tenancy.models import ApiKey, Role, Tenant, User
from urm.tenancy.roles import ROLES, SCOPES
from urm.ui.actions.keys import create_key

PASSWORD = "harvest-demo-2017"  # noqa: S105 - of accounts that exist in the demo only

# Typed custom attributes. The number of persons and of children ends in "5+" and "3+" in the files.
_CHOICES = {
    "age": ("Age", "年龄", ["19-24", "25-34", "35-44", "45-54", "55-64", "65+"]),
    "income": (
        "Household income (USD)",
        "家庭收入（美元）",
        [
            "Under 15K",
            "15-24K",
            "25-34K",
            "35-49K",
            "50-74K",
            "75-99K",
            "100-124K",
            "125-149K",
            "150-174K",
            "175-199K",
            "200-249K",
            "250K+",
        ],
    ),
    "home_ownership": ("Home", "住房", ["Homeowner", "Probable Homeowner", "Renter", "Probable Renter"]),
    "marital_status": ("Marital status", "婚姻状况", ["Married", "Unmarried"]),
    "household_comp": (
        "Household",
        "家庭构成",
        ["1 Adult Kids", "1 Adult No Kids", "2 Adults Kids", "2 Adults No Kids"],
    ),
}
_NUMBERS = {
    "household_size": ("Persons (5: five or more)", "人口（5：五人及以上）"),
    "kids_count": ("Children (3: three or more)", "子女（3：三个及以上）"),
}


@dataclass
class Workspace:
    """One of the two, with the households that shop there."""

    tenant: Tenant
    households: list[int]
    chinese: bool

    @contextmanager
    def entered(self) -> Iterator[None]:
        with tenant_context(self.tenant.pk), acting_as(Actor("system", None, "demo")):
            yield


def make_workspaces(households: list[int], tenth: list[int]) -> list[Workspace]:
    """Both workspaces, everything in them that a person would set up first included."""
    us = _workspace(
        slug="harvest",
        name="Harvest Grocers (demo: people are made up)",
        time_zone="America/New_York",
        currency="USD",
        language="en",
    )
    cn = _workspace(
        slug="fengshou",
        name="丰收超市（演示：人物均为虚构）",
        time_zone="Asia/Shanghai",
        currency="CNY",
        language="zh-hans",
    )
    workspaces = [Workspace(us, households, chinese=False), Workspace(cn, tenth, chinese=True)]
    for workspace in workspaces:
        with workspace.entered(), transaction.atomic():
            _define_names()
            _hire(workspace.tenant)
    return workspaces


def find_workspaces() -> list[Workspace]:
    """Both as an earlier run made them (without their households), or none."""
    tenants = Tenant.objects.filter(slug__in=("harvest", "fengshou")).order_by("pk")
    return [Workspace(tenant, [], chinese=tenant.slug == "fengshou") for tenant in tenants]


def _workspace(*, slug: str, name: str, **fields: Any) -> Tenant:
    return Tenant.objects.filter(slug=slug).first() or create_workspace(name=name, slug=slug, **fields)


def _define_names() -> None:
    for name, (english, chinese, choices) in _CHOICES.items():
        AttributeDefinition.objects.get_or_create(
            name=name, defaults={"type": "choice", "label_en": english, "label_zh": chinese, "choices": choices}
        )
    # So that rules may ask for it before the first one arrives.
    EventName.objects.get_or_create(name="coupon_redeemed")
    for name, (english, chinese) in _NUMBERS.items():
        AttributeDefinition.objects.get_or_create(
            name=name, defaults={"type": "number", "label_en": english, "label_zh": chinese}
        )


def _hire(tenant: Tenant) -> None:
    """One person for each role; the first workspace's owner owns the other too."""
    password = make_password(PASSWORD)  # once for all: hashing is slow on purpose
    for role in ROLES:
        user = _user(f"{role}@{tenant.slug}.example.com", f"{role.title()} ({tenant.slug})", tenant.language, password)
        Role.objects.get_or_create(tenant=tenant, user=user, defaults={"name": role})
    first = User.objects.get_by_natural_key("owner@harvest.example.com")
    Role.objects.get_or_create(tenant=tenant, user=first, defaults={"name": "owner"})


def _user(email: str, name: str, language: str, password: str) -> User:
    found = User.objects.filter(email=email).first()
    if found is None:
        found = User.objects.create_user(email, name=name, language=language)
        User.objects.filter(pk=found.pk).update(password=password)
    return found


def api_keys(workspaces: list[Workspace]) -> dict[str, dict[str, str]]:
    """slug → {"sk": …, "pk": …}. Only hashes are stored, so the demo keeps its keys in a private file beside its logs.

    A key whose file was lost is made anew and the old one revoked.
    """
    file = state_folder() / "demo-keys.json"
    kept: dict[str, dict[str, str]] = json.loads(file.read_text()) if file.exists() else {}
    for workspace in workspaces:
        known = kept.setdefault(workspace.tenant.slug, {})
        for kind in ("sk", "pk"):
            if kind in known and ApiKey.objects.filter(hash=hash_of(known[kind]), tenant=workspace.tenant).exists():
                continue
            known[kind] = _new_key(workspace, kind)
    file.touch(mode=0o600)
    file.write_text(json.dumps(kept, indent=1))
    return kept


def _new_key(workspace: Workspace, kind: str) -> str:
    name = "Demo server" if kind == "sk" else "Demo web shop"
    with workspace.entered():
        _key, token = create_key(name=name, kind=kind, scopes=SCOPES if kind == "sk" else ())
    return token


def remembered(workspace: Workspace, verb: str) -> dict[str, Any] | None:
    """What the demo noted in the audit log: `demo.start` (with the shift of the dates), `demo.finish`."""
    with workspace.entered():
        entry = AuditEntry.objects.filter(verb=verb).order_by("-pk").first()
        return dict(entry.after) if entry else None


def remember(workspace: Workspace, verb: str, **facts: Any) -> None:
    with workspace.entered():
        record(verb=verb, target=workspace.tenant, after=facts)
