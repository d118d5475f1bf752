"""Static lists that are made of others: a segment as it is now, members by their ids."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from members.models import Identity, Member
from segments.actions.saving import mark_stale
from segments.actions.segments import SegmentError, add_to_list, create_segment, remove_from_list
from segments.models import Segment
from segments.queries.overlap import unused_name
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.rules.sqltext import Sql, param, sql
from urm.rules.workspace import execute
from urm.tenancy.context import require_tenant
from urm.tenancy.models import Tenant

MOST_IDS = 20_000
MOST_FOUND = 50_000


@dataclass(frozen=True)
class Listed:
    """`changed` members were put on the list or taken off it, `already` were there (or not there) before."""

    changed: int
    already: int
    unknown: tuple[str, ...]


def freeze_segment(*, segment: Segment, name: str = "") -> Segment:
    """A new static list of everybody who is in the segment now; without a name it is called by the segment and the
    local moment. Raises SegmentError."""
    with transaction.atomic():
        frozen = create_segment(
            name=name or _snapshot_name(segment),
            kind=Segment.Kind.STATIC,
            description=_("“%(segment)s” as it was when this list was made") % {"segment": segment.name},
            value_proposition=segment.value_proposition,
            snapshot_of=segment.pk,
        )
        tenant = Sql(str(require_tenant()))
        count = execute(sql(
            "INSERT INTO segments_staticmember (tenant_id, segment_id, member_id, added_at, added_by)"
            f" SELECT {{}}, {int(frozen.pk)}, s.member_id, {{}}::timestamptz, {{}} FROM members_memberstate s"
            f" WHERE s.tenant_id = {{}} AND s.segment_ids @> ARRAY[{int(segment.pk)}] ON CONFLICT DO NOTHING",
            tenant, param(timezone.now()), param(current_actor().label), tenant,
        ))  # fmt: skip
        record(verb="segment.freeze", target=frozen, after={"of": segment.pk, "members": count})
        mark_stale(("segment", frozen.pk))
    return frozen


def _snapshot_name(segment: Segment) -> str:
    now = timezone.localtime(timezone.now(), Tenant.objects.get(pk=require_tenant()).zone)
    return unused_name(f"{segment.name[:70]} · {now:%Y-%m-%d %H:%M}")


def change_list_by_ids(*, segment: Segment, external_ids: Sequence[str], remove: bool = False) -> Listed:
    """Put members on a static list, or take them off, by external id; unknown ids are told, the others are done.

    Raises SegmentError for a segment by rule and for more than MOST_IDS ids."""
    wanted = list(dict.fromkeys(text for one in external_ids if (text := one.strip())))
    if len(wanted) > MOST_IDS:
        message = _("More than %(most)s ids at once. Split them, or import a file with a column for the list.")
        raise SegmentError({"ids": message % {"most": MOST_IDS}})
    with transaction.atomic():
        found: dict[str, Member] = {}
        for start in range(0, len(wanted), 5000):
            identities = Identity.objects.select_related("member").filter(
                kind=Identity.Kind.EXTERNAL_ID, value__in=wanted[start : start + 5000], member__erased_at=None
            )
            found |= {identity.value: identity.member for identity in identities}
        members = list({member.pk: member for member in found.values()}.values())
        changed = (remove_from_list if remove else add_to_list)(segment=segment, members=members)
    return Listed(changed, len(members) - changed, tuple(one for one in wanted if one not in found))


def list_members(*, member_ids: Sequence[int], segment: Segment | None = None, name: str = "") -> tuple[Segment, int]:
    """Put members on a static list, or on a new one of that name; returns it and how many were not on it yet.

    Raises SegmentError for a segment by rule, a name that is taken, and more than MOST_FOUND members."""
    if len(member_ids) > MOST_FOUND:
        message = _("More than %(most)s members at once. Narrow the search, or save its conditions as a segment.")
        raise SegmentError({"name": message % {"most": MOST_FOUND}})
    with transaction.atomic():
        target = segment or create_segment(name=name, kind=Segment.Kind.STATIC)
        added = 0
        for start in range(0, len(member_ids), 5000):
            members = Member.objects.filter(pk__in=member_ids[start : start + 5000], merged_into=None, erased_at=None)
            added += add_to_list(segment=target, members=list(members))
    return target, added
