from members.models.consent import Consent, ConsentRecord, Suppression
from members.models.log import Cursor, DailyCount, Event, EventKey, EventName, InboxEntry, ParkedEvent
from members.models.member import AttributeDefinition, Identity, Member
from members.models.state import DirtyMember, MemberState, MemberTag, Tag

__all__ = [
    "AttributeDefinition",
    "Consent",
    "ConsentRecord",
    "Cursor",
    "DailyCount",
    "DirtyMember",
    "Event",
    "EventKey",
    "EventName",
    "Identity",
    "InboxEntry",
    "Member",
    "MemberState",
    "MemberTag",
    "ParkedEvent",
    "Suppression",
    "Tag",
]
