"""Who is in what: derived, so it goes; the history of entries and exits stays as numbers."""

from django.utils.translation import gettext_lazy as _

from urm.privacy import DROP, Table, declare
from urm.privacy.registry import LookUp

_RULED = "tenant_id rule stale problem"

declare(
    Table(
        "segments_segment",
        neutral=f"{_RULED} id name description kind value_proposition snapshot_of created_at updated_at",
    ),
    Table("segments_stage", neutral=f"{_RULED} id key label_en label_zh position flow"),
    Table("segments_tagrule", neutral=f"{_RULED} tag_id keep_days"),
    Table(
        "segments_staticmember",
        title=_("Lists you are on"),
        person="member_id",
        personal="segment_id added_at added_by",
        pseudonymous="id member_id",
        neutral="tenant_id",
        hidden="tenant_id member_id id",
        look_up={"segment_id": LookUp("segments_segment", "name", _("list"))},
        erase=DROP,
    ),
    Table(
        "segments_score",
        title=_("Scores"),
        person="member_id",
        personal="name value computed_at explanation",
        pseudonymous="id member_id",
        neutral="tenant_id",
        hidden="tenant_id member_id id",
        erase=DROP,
    ),
    Table(
        "segments_kepttag",
        person="member_id",
        pseudonymous="id member_id",
        neutral="tenant_id tag_id until",
        erase=DROP,
    ),
    Table(
        "segments_pendingstate",
        person="member_id",
        pseudonymous="member_id",
        neutral="tenant_id segment_ids tags_on tags_off stage_id next_at",
        erase=DROP,
    ),
    Table("segments_stagetarget", neutral="id tenant_id stage_id metric month goal"),
    Table(
        "segments_valueproposition",
        neutral="id tenant_id segment_id language pain_points selling_points version wording created_at",
        staff="created_by",
    ),
    Table("segments_scorerun", neutral="id tenant_id day stale computed_at"),
    Table("segments_rankthreshold", neutral="id tenant_id key threshold frozen_at"),
    Table("segments_selfcheck", pseudonymous="examples", neutral="id tenant_id at looked_at drifted"),
    Table("segments_touchedmember", pseudonymous="member_id", neutral="tenant_id"),
    Table(
        "segments_change",
        title=_("Segments, tags and stages over time"),
        person="member_id",
        pseudonymous="id member_id event_id",
        neutral="tenant_id kind target_id entered at cause",
        hidden="tenant_id member_id event_id",
    ),
    Table(
        "segments_audiencesync",
        neutral="id tenant_id segment_id name destination mode every_hours url store format fields secret active "
        "created_at next_at looked_at leased_until last_number page_after failing_since failures problem delivered_at",
    ),
    # Under which id a receiver knows somebody: needed until it was told to forget them, then the row goes by itself.
    Table(
        "segments_syncedmember",
        person="member_id",
        pseudonymous="id member_id external_id",
        neutral="tenant_id sync_id",
        hidden="tenant_id member_id sync_id id external_id",
    ),
    # Ids in batches that are under way; emptied when they are through or given up.
    Table(
        "segments_syncbatch",
        pseudonymous="added removed",
        neutral="id tenant_id sync_id number key kind last added_count removed_count state attempts problem created_at "
        "tried_at delivered_at",
    ),
)
