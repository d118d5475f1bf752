"""Indexes of references without the tenant in front, which no statement could use, go."""

from django.db import migrations

ALONE = (
    "campaigns_campaign_message_id_52ac59b0",
    "campaigns_campaign_segment_id_d271406e",
    "campaigns_link_campaign_id_ff415b68",
    "campaigns_run_campaign_id_71a7911d",
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("campaigns", "0005_moved_from")]

    operations = [
        *(migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop) for name in ALONE),
    ]
