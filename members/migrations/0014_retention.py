"""For how long a workspace keeps what."""

import django.db.models.deletion
from django.db import migrations, models

import urm.tenancy.context
from urm.tenancy.operations import EnforceTenancy


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0013_imports"),
        ("tenancy", "0002_cheaper_tenant_id"),
    ]

    operations = [
        migrations.CreateModel(
            name="RetentionPeriod",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("days", models.PositiveIntegerField(verbose_name="days")),
                ("ran_on", models.DateField(null=True, verbose_name="last night")),
                ("removed", models.BigIntegerField(default=0, verbose_name="removed")),
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
                "verbose_name": "retention period",
                "verbose_name_plural": "retention periods",
                "constraints": [models.UniqueConstraint(fields=("tenant", "kind"), name="retention_once")],
            },
        ),
        EnforceTenancy("RetentionPeriod"),
    ]
