import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import urm.tenancy.context
from urm.tenancy.operations import EnforceTenancy


class Migration(migrations.Migration):
    dependencies = [
        ("segments", "0004_kept_tags"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PendingState",
            fields=[
                ("member_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("segment_ids", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ("tags_on", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ("tags_off", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ("stage_id", models.IntegerField(null=True)),
                ("next_at", models.DateTimeField(null=True)),
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
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="TouchedMember",
            fields=[
                ("member_id", models.BigIntegerField(primary_key=True, serialize=False)),
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
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="RankThreshold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64)),
                ("threshold", models.DecimalField(decimal_places=6, max_digits=40, null=True)),
                ("frozen_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                "constraints": [models.UniqueConstraint(fields=("tenant", "key"), name="rank_threshold_once")],
            },
        ),
        migrations.CreateModel(
            name="SelfCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="at")),
                ("looked_at", models.IntegerField(verbose_name="members looked at")),
                ("drifted", models.IntegerField(verbose_name="members that differed")),
                ("examples", models.JSONField(default=list)),
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
                "verbose_name": "self-check",
                "verbose_name_plural": "self-checks",
                "indexes": [models.Index(fields=["tenant", "-at"], name="self_check_newest")],
            },
        ),
        EnforceTenancy("PendingState"),
        EnforceTenancy("TouchedMember"),
        EnforceTenancy("RankThreshold"),
        EnforceTenancy("SelfCheck"),
    ]
