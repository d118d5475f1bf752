"""Tags put on members by people, keys and imports, and their end. Rule-driven tags are the refresh's business."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from members.actions.events import emit, mark_dirty
from members.actions.members import MemberError
from members.events import TagAdded, TagRemoved
from members.models import Member, MemberTag, Tag
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.tenancy.context import require_tenant
from urm.tenancy.work import wake_after_commit

EXPIRY = "tags"  # the work that takes tags off whose time is over

# The narrow row keeps ids in ascending order; it may not exist yet.
_SET = """
INSERT INTO members_memberstate AS s (tenant_id, member_id, segment_ids, tag_ids)
VALUES (%(tenant)s, %(member)s, '{{}}', ARRAY[%(tag)s])
ON CONFLICT (tenant_id, member_id) DO UPDATE SET tag_ids = ARRAY(
    SELECT DISTINCT t FROM unnest({ids}) t WHERE {condition} ORDER BY t)
"""


def create_tag(*, name: str, group: str = "", description: str = "", kind: str = Tag.Kind.MANUAL) -> Tag:
    with transaction.atomic():
        tag = Tag.objects.create(name=name, group=group, description=description, kind=kind)
        record(verb="tag.create", target=tag, after={"name": name, "group": group, "kind": kind})
    return tag


def add_tag(*, member: Member, name: str, expires_at: datetime | None = None) -> bool:
    """Tag a member, making the tag when it is new; False when the member had it: then a moment given replaces the one
    at which the tag was to expire. Rule-driven tags are refused, and so is a moment that is over."""
    name = name.strip()
    if not 0 < len(name) <= 60 or "\x00" in name:
        raise MemberError({"tag": _("Must be a text of 1 to 60 characters.")})
    if expires_at is not None and expires_at <= timezone.now():
        raise MemberError({"expires_at": _("Lies in the past. Choose a later moment, or none.")})
    with transaction.atomic():
        tag, _created = Tag.objects.get_or_create(name=name)
        _refuse_rule_driven(tag)
        _row, added = MemberTag.objects.get_or_create(
            member=member, tag=tag, defaults={"expires_at": expires_at, "added_by": current_actor().label}
        )
        if expires_at is not None:
            MemberTag.objects.filter(member=member, tag=tag).update(expires_at=expires_at)
            wake_after_commit(EXPIRY, expires_at)
        if added:
            _write_state(member, tag, held=True)
            emit([TagAdded(member_id=member.pk, tag=name, by=current_actor().kind)])
            _finish(member, tag, "member.add_tag")
    return added


def remove_tag(*, member: Member, name: str) -> bool:
    """Take a manual tag off a member; False when it did not have it."""
    with transaction.atomic():
        tag = Tag.objects.filter(name=name).first()
        if tag is None:
            return False
        _refuse_rule_driven(tag)
        removed, _by_model = MemberTag.objects.filter(member=member, tag=tag).delete()
        if removed:
            _write_state(member, tag, held=False)
            emit([TagRemoved(member_id=member.pk, tag=name, by=current_actor().kind)])
            _finish(member, tag, "member.remove_tag")
    return bool(removed)


_TAG_MANY = """
WITH added AS (
    INSERT INTO members_membertag (tenant_id, member_id, tag_id, since, expires_at, added_by)
    SELECT {tenant}, m.id, %(tag)s, now(), %(expires_at)s, %(by)s FROM members_member m
    WHERE m.tenant_id = {tenant} AND m.id = ANY (%(members)s) AND m.merged_into_id IS NULL AND m.erased_at IS NULL
    ON CONFLICT DO NOTHING RETURNING member_id
), state AS (
    INSERT INTO members_memberstate AS s (tenant_id, member_id, segment_ids, tag_ids)
    SELECT {tenant}, member_id, '{{}}', ARRAY[%(tag)s] FROM added
    ON CONFLICT (tenant_id, member_id) DO UPDATE SET tag_ids = ARRAY(
        SELECT DISTINCT t FROM unnest(s.tag_ids || excluded.tag_ids) t ORDER BY t)
)
SELECT member_id FROM added ORDER BY member_id
"""


def tag_members(*, member_ids: Sequence[int], name: str, expires_at: datetime | None = None) -> int:
    """Put one tag on many members at once; returns how many did not have it. Raises MemberError."""
    name = name.strip()
    if not 0 < len(name) <= 60 or "\x00" in name:
        raise MemberError({"tag": _("Must be a text of 1 to 60 characters.")})
    with transaction.atomic():
        tag, _created = Tag.objects.get_or_create(name=name)
        _refuse_rule_driven(tag)
        with connection.cursor() as cursor:
            cursor.execute(
                _TAG_MANY.format(tenant=require_tenant()),
                {"tag": tag.pk, "members": list(member_ids), "expires_at": expires_at, "by": current_actor().label},
            )
            added = [member_id for (member_id,) in cursor.fetchall()]
        emit(TagAdded(member_id=member_id, tag=name, by=current_actor().kind) for member_id in added)
        mark_dirty(added)
        record(verb="tag.put_on_members", target=tag, after={"members": len(added)})
        if expires_at is not None:
            wake_after_commit(EXPIRY, expires_at)
    return len(added)


# Tags that are over leave both rooms at once; a tag that follows a rule by now is no longer ours to take.
_EXPIRE = """
WITH due AS (
    SELECT id FROM members_membertag WHERE tenant_id = {tenant} AND expires_at <= %(now)s
    ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM members_membertag t USING due d WHERE t.tenant_id = {tenant} AND t.id = d.id
    RETURNING t.member_id, t.tag_id
), state AS (
    UPDATE members_memberstate s SET tag_ids = ARRAY(
        SELECT t FROM unnest(s.tag_ids) t WHERE t <> ALL (g.tag_ids) ORDER BY t)
    FROM (SELECT member_id, array_agg(tag_id) AS tag_ids FROM gone GROUP BY 1) g
    WHERE s.tenant_id = {tenant} AND s.member_id = g.member_id
)
SELECT g.member_id, t.name FROM gone g JOIN members_tag t ON t.tenant_id = {tenant} AND t.id = g.tag_id
ORDER BY g.member_id, t.name
"""


def expire_tags(*, limit: int = 2000, now: datetime | None = None) -> int:
    """Take tags off whose `expires_at` has come, up to `limit`; returns how many. Each leaves an event, and the
    members' rules are asked again."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_EXPIRE.format(tenant=require_tenant()), {"now": now or timezone.now(), "limit": limit})
        gone: list[tuple[int, str]] = cursor.fetchall()
        emit(TagRemoved(member_id=member_id, tag=name, by="expiry") for member_id, name in gone)
        mark_dirty([member_id for member_id, _name in gone])
    return len(gone)


def next_tag_expiry() -> datetime | None:
    """When the next tag is over."""
    ends = MemberTag.objects.filter(expires_at__isnull=False).order_by("expires_at")
    return ends.values_list("expires_at", flat=True).first()


def _refuse_rule_driven(tag: Tag) -> None:
    if tag.kind == Tag.Kind.RULE:
        raise MemberError({"tag": _("This tag follows a rule. Change the rule, or use another tag.")})


def _write_state(member: Member, tag: Tag, *, held: bool) -> None:
    statement = (
        _SET.format(ids="s.tag_ids || %(tag)s", condition="true")
        if held
        else _SET.format(ids="s.tag_ids", condition="t <> %(tag)s")
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": require_tenant(), "member": member.pk, "tag": tag.pk})


def _finish(member: Member, tag: Tag, verb: str) -> None:
    mark_dirty([member.pk])
    if current_actor().kind == "staff":
        record(verb=verb, target=member, target_label=f"#{member.pk}", after={"tag": tag.name})
