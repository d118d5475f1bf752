"""Retention lets go of old entries. The log stays append-only otherwise: the function takes nothing that is young."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION app.delete_old_audit(before timestamptz, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE gone integer;
BEGIN
    EXECUTE format($q$
        DELETE FROM audit_auditentry WHERE tenant_id = %s AND id IN (
            SELECT id FROM audit_auditentry WHERE tenant_id = %s AND at < least($1, now() - interval '364 days')
            ORDER BY at, id LIMIT $2)$q$, app.tenant_id(), app.tenant_id()) USING before, most;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_blank_audit")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION app.delete_old_audit(timestamptz, integer)")]
