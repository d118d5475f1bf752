"""The application may not ANALYZE tables that it does not own; after a large fill the planner needs it."""

from django.db import migrations

from urm.tenancy.operations import application_role

ANALYZE = """
CREATE FUNCTION app.analyze_rollups() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    ANALYZE analytics_memberday;
    ANALYZE analytics_membersummary;
END $$;
REVOKE EXECUTE ON FUNCTION app.analyze_rollups() FROM PUBLIC;
"""


def allow(apps: object, schema_editor: object) -> None:
    schema_editor.execute(f"GRANT EXECUTE ON FUNCTION app.analyze_rollups() TO {application_role()}")  # type: ignore[attr-defined]


class Migration(migrations.Migration):
    dependencies = [("analytics", "0003_summary_indexes")]

    operations = [
        migrations.RunSQL(ANALYZE, "DROP FUNCTION app.analyze_rollups()"),
        migrations.RunPython(allow, migrations.RunPython.noop),
    ]
