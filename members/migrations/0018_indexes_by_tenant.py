"""Indexes of references without the tenant in front, which no statement could use, go."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

ALONE = (
    "members_confirmation_member_id_72984620",
    "members_consent_member_id_29b1d445",
    "members_consentrecord_member_id_150f9c68",
    "members_consentwording_purpose_id_1f66003b",
    "members_duplicatecandidate_first_id_25f012d0",
    "members_duplicatecandidate_second_id_4ce9051f",
    "members_eventproperty_event_id_f4703071",
    "members_identity_member_id_d8b48448",
    "members_member_merged_into_id_ee42ca14",
    "members_memberacquisition_source_id_c56c5f9d",
    "members_membermerge_other_id_2d2e8c88",
    "members_membermerge_survivor_id_2052457f",
    "members_membertag_member_id_e853b34a",
    "members_membertag_tag_id_e3a689d0",
    "members_parkedevent_member_id_af4c1c8f",
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("members", "0017_source_order")]

    operations = [
        AddIndexConcurrently(
            "duplicatecandidate", models.Index(fields=["tenant", "second"], name="duplicate_by_second")
        ),
        AddIndexConcurrently("membermerge", models.Index(fields=["tenant", "other"], name="merge_by_other")),
        AddIndexConcurrently("parkedevent", models.Index(fields=["tenant", "member"], name="parked_by_member")),
        *(migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop) for name in ALONE),
    ]
