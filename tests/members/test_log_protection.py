"""The log is append-only for the application, but for erasure; partitions cannot be asked past their parent."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections

from urm.tenancy.catalogue import violations
from urm.tenancy.models import Tenant


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM members_event",
        "UPDATE members_event SET amount = 0",
        "UPDATE members_event SET occurred_at = now()",
        "TRUNCATE members_event",
        "SELECT count(*) FROM members_event_default",
        "DELETE FROM members_consentrecord",
        "UPDATE audit_auditentry SET verb = ''",
    ],
)
def test_application_role_cannot(in_acme: Tenant, sql: Callable[[str], list[Any]], statement: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"):
        sql(statement)


def test_application_role_can_blank_properties(in_acme: Tenant, sql: Callable[[str], list[Any]]) -> None:
    assert sql("UPDATE members_event SET properties = '{}'") == []


@pytest.mark.django_db(databases=["default", "owner"])
def test_make_partitions_guards_the_new_months(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_partitions", months=14)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'members_event'::regclass")
        assert cursor.fetchone() == (16,)  # this month, fourteen ahead and the default
    assert violations(connections["owner"]) == []
    assert "14 months ahead" in capsys.readouterr().out
