"""Indexes of references without the tenant in front, which no statement could use, go."""

from django.db import migrations

ALONE = (
    "segments_audiencesync_segment_id_bf7651ab",
    "segments_kepttag_member_id_cc7fa47e",
    "segments_kepttag_tag_id_9ccc7106",
    "segments_score_member_id_e687a505",
    "segments_stagetarget_stage_id_58c06f2f",
    "segments_staticmember_member_id_f4d45a05",
    "segments_staticmember_segment_id_cb5e8375",
    "segments_syncbatch_sync_id_56e270ce",
    "segments_syncedmember_sync_id_4eb358c5",
    "segments_valueproposition_segment_id_58e2b93d",
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("segments", "0009_snapshots")]

    operations = [
        *(migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop) for name in ALONE),
    ]
