import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import urm.tenancy.context
import urm.tenancy.models
from urm.tenancy.operations import EnforceTenancy


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0004_append_only_log"),
        ("segments", "0002_tenancy"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Score",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, verbose_name="name")),
                ("value", models.DecimalField(decimal_places=6, max_digits=20, verbose_name="value")),
                ("computed_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="computed at")),
                ("explanation", models.JSONField(default=dict, verbose_name="explanation")),
                (
                    "member",
                    urm.tenancy.models.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scores",
                        to="members.member",
                        verbose_name="member",
                    ),
                ),
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
                "verbose_name": "score",
                "verbose_name_plural": "scores",
                "indexes": [models.Index(fields=["tenant", "member"], name="score_by_member")],
                "constraints": [models.UniqueConstraint(fields=("tenant", "name", "member"), name="score_once")],
            },
        ),
        EnforceTenancy("Score"),
    ]
