"""Staff are told how many deliveries are in an unknown state on every look at the home page."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0002_delivery")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX campaigns_delivery_unknown ON campaigns_delivery (tenant_id, run_id) WHERE state = 'unknown'",
            "DROP INDEX campaigns_delivery_unknown",
        ),
    ]
