"""What the database itself says: no table, key, reference, view or trigger lets one tenant reach another."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, connections

from urm.tenancy import catalogue
from urm.tenancy.models import Tenant, TenantModel

pytestmark = pytest.mark.django_db


def tenant_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND relname <> ALL (%s) ORDER BY 1",
            [list(catalogue.PLATFORM_TABLES)],
        )
        return [name for (name,) in cursor.fetchall()]


def test_catalogue_has_no_violations() -> None:
    assert catalogue.violations(connection) == []


def test_application_role_cannot_bypass_row_level_security() -> None:
    assert catalogue.role_problems(connection) == []


def test_every_tenant_model_has_a_table_under_tenancy() -> None:
    models = {model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel)}
    assert models - set(tenant_tables()) == set()


def test_every_platform_model_is_named() -> None:
    others = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if not issubclass(model, TenantModel) and model._meta.app_label != "admin"
    }
    assert others - catalogue.PLATFORM_TABLES == set()


def test_query_without_tenant_is_an_error_on_every_table(sql: Callable[[str], list[Any]]) -> None:
    answered = []
    for table in tenant_tables():
        try:
            sql(f"SELECT count(*) FROM {table}")
        except DatabaseError:
            continue
        answered.append(table)
    assert answered == []


def test_query_after_another_tenants_transaction_is_an_error(acme: Tenant, sql: Callable[[str], list[Any]]) -> None:
    sql(f"SET LOCAL app.tenant_id = '{acme.pk}'")
    sql("SET LOCAL app.tenant_id = ''")
    with pytest.raises(DatabaseError):
        sql("SELECT count(*) FROM members_member")


@pytest.mark.django_db(databases=["default", "owner"])
def test_violations_names_a_table_without_policy() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE leaky (id bigint PRIMARY KEY, tenant_id bigint NOT NULL)")
    assert catalogue.violations(connections["owner"]) == [
        "leaky lacks forced row-level security.",
        "leaky must have exactly one policy: (tenant_id = app.tenant_id()) for USING and WITH CHECK.",
        "leaky: the unique index leaky_pkey lacks tenant_id.",
    ]
