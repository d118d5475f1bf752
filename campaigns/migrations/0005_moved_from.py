"""Who brought a queued delivery along in a merge."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_run_propositions")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE campaigns_delivery ADD COLUMN moved_from bigint",
            "ALTER TABLE campaigns_delivery DROP COLUMN moved_from",
            state_operations=[
                migrations.AddField("delivery", "moved_from", models.BigIntegerField(null=True)),
            ],
        ),
    ]
