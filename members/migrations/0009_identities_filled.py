"""The log loses a row only through one function, which keeps what stood there. Profile addresses become identities."""

from django.db import migrations

from urm.tenancy.context import tenant_context
from urm.tenancy.operations import application_role

RETRACT = """
CREATE FUNCTION app.retract_event(at timestamptz, event bigint) RETURNS SETOF members_event LANGUAGE sql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM members_event WHERE tenant_id = app.tenant_id() AND received_at = at AND id = event RETURNING *
    ), kept AS (
        INSERT INTO members_retractedevent (tenant_id, event_id, member_id, name_id, occurred_at, received_at, amount,
                                            trusted, retracted_at)
        SELECT tenant_id, id, member_id, name_id, occurred_at, received_at, amount, trusted, now() FROM gone
    )
    SELECT * FROM gone
$$;
REVOKE EXECUTE ON FUNCTION app.retract_event(timestamptz, bigint) FROM PUBLIC;
"""

# An address that two members have becomes the identity of the elder.
FILL = """
INSERT INTO members_identity (tenant_id, member_id, kind, value, from_profile, created_at)
SELECT DISTINCT ON (v.kind, v.value) m.tenant_id, m.id, v.kind, v.value, true, now()
FROM members_member m CROSS JOIN LATERAL (VALUES ('email', m.email), ('phone', m.phone)) v(kind, value)
WHERE m.tenant_id = {tenant} AND m.erased_at IS NULL AND v.value <> '' ORDER BY v.kind, v.value, m.id
ON CONFLICT DO NOTHING
"""


def allow(apps: object, schema_editor: object) -> None:
    schema_editor.execute(  # type: ignore[attr-defined]
        f"GRANT EXECUTE ON FUNCTION app.retract_event(timestamptz, bigint) TO {application_role()}"
    )


def fill(apps: object, schema_editor: object) -> None:
    with schema_editor.connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute("SELECT id FROM tenancy_tenant ORDER BY id")
        for (tenant,) in cursor.fetchall():
            with tenant_context(tenant):
                cursor.execute(FILL.format(tenant=int(tenant)))


class Migration(migrations.Migration):
    dependencies = [("members", "0008_merge_indexes")]

    operations = [
        migrations.RunSQL(RETRACT, "DROP FUNCTION app.retract_event(timestamptz, bigint)"),
        migrations.RunPython(allow, migrations.RunPython.noop),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
