"""Erasing a person blanks the words and keys of their bookings. The ledger stays append-only otherwise."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION app.blank_transfers(members bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format($q$
        UPDATE loyalty_transfer SET reason = '', idempotency_key = 'erased ' || id, body_hash = ''
        WHERE tenant_id = %s AND (
            debit_account_id IN (SELECT id FROM loyalty_account WHERE tenant_id = %s AND member_id = ANY ($1))
            OR credit_account_id IN (SELECT id FROM loyalty_account WHERE tenant_id = %s AND member_id = ANY ($1))
        )$q$, app.tenant_id(), app.tenant_id(), app.tenant_id()) USING members;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0006_merged_points_validated")]

    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION app.blank_transfers(bigint[])")]
