"""Purposes and wordings of consent, confirmations by mail, suppressed addresses known by their digest."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import urm.tenancy.context
import urm.tenancy.models
from urm.tenancy.operations import EnforceTenancy

# Under FORCE not even the owner sees rows: lift it in this transaction alone.
FILL = """
ALTER TABLE members_suppression NO FORCE ROW LEVEL SECURITY;
UPDATE members_suppression
SET digest = sha256(convert_to(tenant_id::text || ':' || channel || ':' || lower(address), 'UTF8'));
ALTER TABLE members_suppression FORCE ROW LEVEL SECURITY;
"""

REGISTER_PURPOSES = """
ALTER TABLE members_consentrecord NO FORCE ROW LEVEL SECURITY;
INSERT INTO members_consentpurpose (tenant_id, key, name_en, name_zh, position, double_opt_in, offered)
SELECT DISTINCT tenant_id, purpose, initcap(replace(purpose, '_', ' ')), '', 10, false, true FROM members_consentrecord
ON CONFLICT DO NOTHING;
ALTER TABLE members_consentrecord FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0009_identities_filled"),
        ("tenancy", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Confirmation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("consent", "consent"),
                            ("download", "download of one's data"),
                            ("erasure", "erasure"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("address", models.CharField(max_length=254, verbose_name="address")),
                (
                    "channel",
                    models.CharField(
                        blank=True,
                        choices=[("email", "e-mail"), ("sms", "SMS"), ("push", "push")],
                        max_length=20,
                        verbose_name="channel",
                    ),
                ),
                ("purpose", models.CharField(blank=True, max_length=40, verbose_name="purpose")),
                ("source", models.CharField(blank=True, max_length=100, verbose_name="source")),
                ("wording", models.CharField(blank=True, max_length=200, verbose_name="wording version")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="created at")),
                ("expires_at", models.DateTimeField(verbose_name="link valid until")),
                ("confirmed_at", models.DateTimeField(null=True, verbose_name="confirmed at")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("sending", "being handed over"),
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("skipped", "not sent"),
                        ],
                        default="queued",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=300, verbose_name="detail")),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now, null=True)),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent at")),
                (
                    "member",
                    urm.tenancy.models.TenantForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="confirmations",
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
                "verbose_name": "confirmation",
                "verbose_name_plural": "confirmations",
            },
        ),
        migrations.CreateModel(
            name="ConsentPurpose",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        help_text="As rules and the API name it, such as marketing; it never changes.",
                        max_length=40,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z][a-z0-9_]{0,39}$", "Small letters, digits and _; it begins with a letter."
                            )
                        ],
                        verbose_name="key",
                    ),
                ),
                ("name_en", models.CharField(max_length=100, verbose_name="name (English)")),
                ("name_zh", models.CharField(blank=True, max_length=100, verbose_name="name (Chinese)")),
                ("position", models.PositiveSmallIntegerField(default=10, verbose_name="position")),
                (
                    "double_opt_in",
                    models.BooleanField(
                        default=False,
                        help_text="Consent by e-mail holds once the member has opened a link that is sent to it.",
                        verbose_name="double opt-in",
                    ),
                ),
                (
                    "offered",
                    models.BooleanField(
                        default=True,
                        help_text="What a member has consented to is always shown there, so that it can be withdrawn.",
                        verbose_name="offered in the preference centre",
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
                "verbose_name": "consent purpose",
                "verbose_name_plural": "consent purposes",
                "ordering": ["position", "key"],
            },
        ),
        migrations.CreateModel(
            name="ConsentWording",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("zh-hans", "简体中文")], max_length=10, verbose_name="language"
                    ),
                ),
                ("version", models.PositiveIntegerField(editable=False, verbose_name="version")),
                ("text", models.TextField(max_length=2000, verbose_name="text")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="created at"),
                ),
                ("created_by", models.CharField(editable=False, max_length=200, verbose_name="created by")),
                (
                    "purpose",
                    urm.tenancy.models.TenantForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wordings",
                        to="members.consentpurpose",
                        verbose_name="purpose",
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
                "verbose_name": "consent wording",
                "verbose_name_plural": "consent wordings",
            },
        ),
        migrations.RemoveConstraint(
            model_name="suppression",
            name="suppression_once",
        ),
        migrations.AddField(
            model_name="consentrecord",
            name="proof",
            field=models.CharField(blank=True, db_default="", default="", max_length=200, verbose_name="proof"),
        ),
        migrations.AddField(
            model_name="suppression",
            name="digest",
            field=models.BinaryField(max_length=32, editable=False, null=True),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="suppression",
            name="digest",
            field=models.BinaryField(max_length=32, editable=False),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="address",
            field=models.CharField(max_length=254, null=True, verbose_name="address"),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(fields=["tenant", "-created_at", "-id"], name="suppression_newest"),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(fields=("tenant", "channel", "digest"), name="suppression_digest_once"),
        ),
        migrations.AddIndex(
            model_name="confirmation",
            index=models.Index(fields=["tenant", "member", "kind"], name="confirmation_by_member"),
        ),
        migrations.AddIndex(
            model_name="confirmation",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["tenant", "due_at"], name="confirmation_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="consentpurpose",
            constraint=models.UniqueConstraint(fields=("tenant", "key"), name="consent_purpose_once"),
        ),
        migrations.AddConstraint(
            model_name="consentwording",
            constraint=models.UniqueConstraint(
                fields=("tenant", "purpose", "language", "version"), name="consent_wording_once"
            ),
        ),
        migrations.RunSQL(REGISTER_PURPOSES, migrations.RunSQL.noop),
        EnforceTenancy("Confirmation"),
        EnforceTenancy("ConsentPurpose"),
        EnforceTenancy("ConsentWording", append_only=True),
    ]
