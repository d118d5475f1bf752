"""The application may not ANALYZE tables that it does not own; while an import fills them the planner needs it."""

from django.db import migrations

from urm.tenancy.operations import application_role

# The columns that rows are looked up by. Tables that autovacuum is busy with are left to it.
ANALYZE = """
CREATE FUNCTION app.analyze_members() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE (SKIP_LOCKED)
        members_importrow (tenant_id, id, import_id, key),
        members_member (tenant_id, id, external_id, email, phone),
        members_identity (tenant_id, id, member_id, kind, value),
        members_membertag (tenant_id, id, member_id, tag_id),
        members_memberstate (tenant_id, member_id),
        members_consent (tenant_id, id, member_id);
END $$;
REVOKE EXECUTE ON FUNCTION app.analyze_members() FROM PUBLIC;
"""


def allow(apps: object, schema_editor: object) -> None:
    schema_editor.execute(f"GRANT EXECUTE ON FUNCTION app.analyze_members() TO {application_role()}")  # type: ignore[attr-defined]


class Migration(migrations.Migration):
    dependencies = [("members", "0015_compare_members")]

    operations = [
        migrations.RunSQL(ANALYZE, "DROP FUNCTION app.analyze_members()"),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
