"""The log of erasures, and the function that blanks proofs of consent: they stay append-only otherwise."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import urm.tenancy.context
from urm.tenancy.operations import EnforceTenancy

FUNCTION = """
CREATE FUNCTION app.blank_consent_records(members bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format($q$
        UPDATE members_consentrecord SET source = '', wording = '', proof = '', recorded_by = ''
        WHERE tenant_id = %s AND member_id = ANY ($1)$q$, app.tenant_id()) USING members;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0011_event_schema_and_sources"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("member_id", models.BigIntegerField(verbose_name="member's number")),
                ("requested_at", models.DateTimeField(null=True, verbose_name="requested at")),
                ("erased_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="erased at")),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        default=urm.tenancy.context.require_tenant,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenancy.tenant",
                        verbose_name="workspace",
                    ),
                ),
            ],
            options={
                "verbose_name": "erasure",
                "verbose_name_plural": "erasures",
                "constraints": [models.UniqueConstraint(fields=("tenant", "member_id"), name="erasure_once")],
            },
        ),
        EnforceTenancy("Erasure"),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION app.blank_consent_records(bigint[])"),
    ]
