"""The tenant context and the database backend: fail closed, whatever transactions do."""

import contextlib
from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction

from members.models import Identity, Member, Tag
from urm.tenancy.context import NoTenantError, WrongTenantError, in_tenant, tenant_context
from urm.tenancy.models import Tenant


@pytest.fixture
def people(acme: Tenant, globex: Tenant) -> dict[str, Member]:
    """The same external id and e-mail in both workspaces."""
    made = {}
    for tenant in (acme, globex):
        with tenant_context(tenant.pk):
            made[tenant.slug] = Member.objects.create(external_id="c-1", email="ada@example.com")
    return made


def make_and_roll_back() -> None:
    with contextlib.suppress(RuntimeError), transaction.atomic():
        Tag.objects.create(name="lost")
        raise RuntimeError


def told_tenant() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.tenant_id', true)")
        return str(cursor.fetchone()[0] or "")


def test_query_outside_a_context_says_how_to_mend_it(db: None) -> None:
    with pytest.raises(NoTenantError, match="tenant_context"):
        Member.objects.count()


def test_each_tenant_sees_its_own_rows(people: dict[str, Member], acme: Tenant, globex: Tenant) -> None:
    for tenant in (acme, globex):
        with tenant_context(tenant.pk):
            assert list(Member.objects.values_list("pk", flat=True)) == [people[tenant.slug].pk]


def test_switching_tenants_inside_a_context_is_refused(acme: Tenant, globex: Tenant) -> None:
    with tenant_context(acme.pk), pytest.raises(WrongTenantError), tenant_context(globex.pk):
        pass


def test_saving_another_tenants_row_is_refused(people: dict[str, Member], globex: Tenant) -> None:
    with tenant_context(globex.pk):
        for write in (people["acme"].save, people["acme"].delete):
            with pytest.raises(WrongTenantError):
                write()
        with pytest.raises(WrongTenantError):
            Member.objects.bulk_create([Member(tenant_id=people["acme"].tenant_id, external_id="x")])
        with pytest.raises(WrongTenantError):
            Member.objects.bulk_update([people["acme"]], ["email"])


def test_update_cannot_reach_or_move_rows_across_tenants(
    people: dict[str, Member], acme: Tenant, globex: Tenant
) -> None:
    with tenant_context(globex.pk):
        assert Member.objects.filter(pk=people["acme"].pk).update(email="x@example.com") == 0
        with pytest.raises(DatabaseError), transaction.atomic():
            Member.objects.update(tenant_id=acme.pk)


def test_reference_into_another_tenant_is_refused_by_the_database(people: dict[str, Member], globex: Tenant) -> None:
    with tenant_context(globex.pk), pytest.raises(DatabaseError), transaction.atomic():
        Identity.objects.create(member_id=people["acme"].pk, kind="email", value="ada@example.com")


def test_raw_sql_sees_the_current_tenant_only(people: dict[str, Member], acme: Tenant) -> None:
    with tenant_context(acme.pk), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM members_member")
        assert cursor.fetchall() == [(people["acme"].pk,)]


def test_join_carries_the_tenant_on_every_table(in_acme: Tenant) -> None:
    sql = str(Identity.objects.filter(member__email="a").query)
    assert sql.count(f'"tenant_id" = {in_acme.pk}') >= 2


def test_context_is_told_again_after_a_savepoint_is_rolled_back(acme: Tenant) -> None:
    with tenant_context(acme.pk), transaction.atomic():
        make_and_roll_back()
        Tag.objects.create(name="kept")
        assert list(Tag.objects.values_list("name", flat=True)) == ["kept"]


def test_leaving_the_context_takes_the_tenant_off_the_open_transaction(acme: Tenant) -> None:
    with transaction.atomic():
        with tenant_context(acme.pk):
            assert told_tenant() == str(acme.pk)
        assert told_tenant() == ""
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM members_member")


def test_session_is_never_told_a_tenant(committed_db: None) -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    with tenant_context(tenant.pk):
        Member.objects.create(external_id="c-1")
        with transaction.atomic():
            assert told_tenant() == str(tenant.pk)
    assert told_tenant() == ""


def test_rollback_of_the_outer_transaction_forgets_the_tenant(committed_db: None) -> None:
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    with tenant_context(tenant.pk):
        make_and_roll_back()
        with transaction.atomic():
            Tag.objects.create(name="kept")
        assert list(Tag.objects.values_list("name", flat=True)) == ["kept"]


def test_streamed_chunks_are_made_inside_the_tenant(people: dict[str, Member], acme: Tenant) -> None:
    def rows() -> Iterator[int]:
        for member in Member.objects.all():
            yield member.pk

    assert list(in_tenant(acme.pk, rows())) == [people["acme"].pk]
