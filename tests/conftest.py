"""The fixed cast: two workspaces with the same external ids and e-mails, and the servers they run on.

Tests work as the application role, bound by row-level security, on a database that the owner made.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone, translation
from pytest_django.plugin import DjangoDbBlocker

from urm.tenancy.context import tenant_context
from urm.tenancy.models import Role, Tenant, User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def neutral_language_and_zone() -> Iterator[None]:
    """A request leaves its language and time zone active in its thread, and the next test must not inherit them."""
    yield
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture(autouse=True, scope="session")
def files_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests upload and export goes into a folder that goes with them; processes that they start inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("files")
        patch.setenv("FILES_URL", f"file://{folder}")
        files: Any = settings.STORAGES["files"]
        patch.setitem(files["OPTIONS"], "location", str(folder))
        patch.delitem(storages._storages, "files", raising=False)  # type: ignore[attr-defined] # its cache
        yield


@pytest.fixture(autouse=True, scope="session")
def forced_in_is_confirmed() -> Iterator[None]:
    """Who is signed in with `force_login` counts as having entered the password just now, as at the real log-in."""
    forced = Client.force_login

    def force_login(client: Client, *args: Any, **kwargs: Any) -> None:
        forced(client, *args, **kwargs)
        confirm(client)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "force_login", force_login)
        yield


def confirm(client: Client, *, minutes_ago: float = 0) -> None:
    """Say when the person last entered the password."""
    session = client.session
    session["confirmed_at"] = int(time.time() - minutes_ago * 60)
    session.save()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker, request: pytest.FixtureRequest) -> Iterator[None]:
    """The owner makes and migrates the test database; the application role then works in it."""
    keep = bool(request.config.getoption("reuse_db")) and not request.config.getoption("create_db")
    owner, application = connections["owner"], connections["default"]
    name = application.settings_dict["NAME"]
    with django_db_blocker.unblock():
        owner.creation.create_test_db(verbosity=0, autoclobber=True, keepdb=keep, serialize=False)
        application.close()
        application.settings_dict["NAME"] = owner.settings_dict["NAME"]
    yield
    with django_db_blocker.unblock():
        application.close()
        application.settings_dict["NAME"] = name
        if not keep:
            owner.creation.destroy_test_db(name, verbosity=0)


def empty_all_tables() -> None:
    """What committed tests leave behind goes; only the owner may."""
    for connection in connections.all():
        connection.close()
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(relname), ', ') FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition "
            "AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission') "
            "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')"
        )
        (tables,) = cursor.fetchone()
        cursor.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
    owner.close()


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For tests that need real commits (several connections, a server). The owner empties all tables after."""
    with django_db_blocker.unblock():
        yield
        empty_all_tables()


def make_tenant(slug: str, **fields: Any) -> Tenant:
    return Tenant.objects.create(slug=slug, name=slug.title(), **fields)


@pytest.fixture
def acme(db: None) -> Tenant:
    return make_tenant("acme", time_zone="America/New_York", currency="USD")


@pytest.fixture
def globex(db: None) -> Tenant:
    """The outsider, with the same people."""
    return make_tenant("globex", time_zone="Asia/Shanghai", currency="CNY", language="zh-hans")


@pytest.fixture
def in_acme(acme: Tenant) -> Iterator[Tenant]:
    with tenant_context(acme.pk):
        yield acme


@pytest.fixture
def staff(db: None) -> Callable[..., User]:
    """staff(tenant, "marketer") → a user with that role; log-in `<role>@<slug>.example.com`, PASSWORD."""

    def make(tenant: Tenant, role: str) -> User:
        user = User.objects.create_user(f"{role}@{tenant.slug}.example.com", PASSWORD, name=role.title())
        Role.objects.create(tenant=tenant, user=user, name=role)
        return user

    return make


@pytest.fixture
def sql(db: None) -> Callable[[str], list[tuple[Any, ...]]]:
    """Run SQL as the application role in a savepoint and give back the rows."""

    def run(statement: str) -> list[tuple[Any, ...]]:
        with transaction.atomic(), connections["default"].cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    return run
