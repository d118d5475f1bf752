"""Erasing a person blanks what the audit log says of them. The log stays append-only: the function can do only that."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION app.blank_audit(members bigint[], words text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format($q$
        UPDATE audit_auditentry
        SET before = '{}', after = '{}',
            target_label = CASE WHEN target_label ~ '^#[0-9]+$' THEN target_label ELSE '' END,
            actor_label = CASE WHEN actor_kind = 'member' AND actor_label !~ '^#[0-9]+$' THEN '' ELSE actor_label END
        WHERE tenant_id = %s AND (
            (target_type = 'members.member' AND target_id = ANY ($1::text[]))
            OR before::text ILIKE ANY ($2) OR after::text ILIKE ANY ($2) OR target_label ILIKE ANY ($2)
            OR (actor_kind = 'member' AND actor_label ILIKE ANY ($2))
        )$q$, app.tenant_id()) USING members, words;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION app.blank_audit(bigint[], text[])")]
