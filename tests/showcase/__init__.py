"""A workspace with something on every page: what the tests of the admin look at.

Each app has a module here with `build(tenant)`, called inside the tenant's context, in the order below. Every model
that the admin shows must have a row afterwards; tests/ui/test_pages.py says which hasn't.
"""

import importlib

from django.contrib.auth.hashers import make_password

from tests.conftest import PASSWORD, make_tenant
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Role, Tenant, User

APPS = ("workspace", "members", "segments", "audiences", "loyalty", "feedback", "campaigns", "analytics", "jobs")


def build_showcase() -> tuple[Tenant, Tenant]:
    """Two workspaces with the same people: acme (English) and globex (Chinese); `owner@example.com` owns both."""
    acme = make_tenant("acme", time_zone="America/New_York", currency="USD")
    globex = make_tenant("globex", time_zone="Asia/Shanghai", currency="CNY", language="zh-hans")
    hashed = make_password(PASSWORD)  # once: hashing is slow on purpose
    owner = User.objects.create(email="owner@example.com", password=hashed, name="Olivia Owner")
    for tenant in (acme, globex):
        Role.objects.create(tenant=tenant, user=owner, name="owner")
        for role in ("marketer", "analyst", "support", "viewer", "admin"):
            email = f"{role}@{tenant.slug}.example.com"
            user = User.objects.create(email=email, password=hashed, name=role.title())
            Role.objects.create(tenant=tenant, user=user, name=role)
        with tenant_context(tenant.pk):
            for app in APPS:
                try:
                    module = importlib.import_module(f"tests.showcase.{app}")
                except ModuleNotFoundError as error:
                    if error.name != f"tests.showcase.{app}":
                        raise
                    continue
                module.build(tenant)
    return acme, globex
