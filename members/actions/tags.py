"""Tags put on members by people, keys and imports. Rule-driven tags are the refresh's business."""

from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from members.actions.events import emit, mark_dirty
from members.actions.members import MemberError
from members.events import TagAdded, TagRemoved
from members.models import Member, MemberTag, Tag
from urm.audit.actions import record
from urm.audit.actor import current_actor
from urm.tenancy.context import require_tenant

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
    """Tag a member, making the tag when it is new; False when the member had it. Rule-driven tags are refused."""
    name = name.strip()
    if not 0 < len(name) <= 60 or "\x00" in name:
        raise MemberError({"tag": _("Must be a text of 1 to 60 characters.")})
    with transaction.atomic():
        tag, _created = Tag.objects.get_or_create(name=name)
        _refuse_rule_driven(tag)
        _row, added = MemberTag.objects.get_or_create(
            member=member, tag=tag, defaults={"expires_at": expires_at, "added_by": current_actor().label}
        )
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
