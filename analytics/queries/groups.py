"""What a figure can be split by: something each member is now. A member is in one group, segments aside."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from members.models import Member
from segments.models import Segment, Stage
from urm.tenancy.context import require_tenant

# For each dimension a query that yields (member_id, key as text). Members that it leaves out have the key "".
_GROUPS = {
    "stage": "SELECT member_id, stage_id::text AS key FROM members_memberstate WHERE tenant_id = {tenant}",
    "segment": (
        "SELECT member_id, unnest(segment_ids)::text AS key FROM members_memberstate WHERE tenant_id = {tenant}"
    ),
    "source": "SELECT id AS member_id, source AS key FROM members_member WHERE tenant_id = {tenant}",
    "country": "SELECT id AS member_id, country AS key FROM members_member WHERE tenant_id = {tenant}",
    "gender": "SELECT id AS member_id, gender AS key FROM members_member WHERE tenant_id = {tenant}",
}

DIMENSIONS = {
    "stage": gettext_lazy("lifecycle stage"),
    "segment": gettext_lazy("segment"),
    "source": gettext_lazy("acquisition source"),
    "country": gettext_lazy("country"),
    "gender": gettext_lazy("gender"),
}


def grouping(by: str | None, member: str) -> tuple[str, str]:
    """SQL of the group's key and of the join it needs; `member` is the column with the member's id."""
    if by is None:
        return "''", ""
    groups = _GROUPS[by].format(tenant=require_tenant())
    return "coalesce(g.key, '')", f"LEFT JOIN ({groups}) g ON g.member_id = {member}"


def group_labels(by: str | None, keys: Iterable[str]) -> dict[str, str]:
    """How each key reads; one that is gone (a deleted segment) reads as its number."""
    keys = set(keys)
    labels = {key: key for key in keys}
    if by == "gender":
        labels |= {key: str(label) for key, label in Member.Gender.choices if key in keys}
    elif by == "stage":
        labels |= {str(stage.pk): stage.label for stage in Stage.objects.all() if str(stage.pk) in keys}
    elif by == "segment":
        labels |= {str(pk): name for pk, name in Segment.objects.values_list("pk", "name") if str(pk) in keys}
    if "" in keys:
        labels[""] = _("no segment") if by == "segment" else _("no stage") if by == "stage" else _("unknown")
    return labels if by else {"": ""}
