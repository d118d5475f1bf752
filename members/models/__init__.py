from members.models.acquisition import AcquisitionSource, MemberAcquisition
from members.models.confirmation import Confirmation
from members.models.consent import Channel, Consent, ConsentPurpose, ConsentRecord, ConsentWording, Suppression
from members.models.erasure import Erasure
from members.models.imports import Import, ImportRow
from members.models.log import Cursor, DailyCount, Event, EventKey, EventName, InboxEntry, ParkedEvent
from members.models.member import AttributeDefinition, Identity, Member, ValueSource
from members.models.merge import DuplicateCandidate, IdentitySettings, MemberMerge, RetractedEvent
from members.models.retention import RetentionPeriod
from members.models.schema import EventProperty
from members.models.state import DirtyMember, MemberState, MemberTag, Tag

__all__ = [
    "AcquisitionSource",
    "AttributeDefinition",
    "Channel",
    "Confirmation",
    "Consent",
    "ConsentPurpose",
    "ConsentRecord",
    "ConsentWording",
    "Cursor",
    "DailyCount",
    "DirtyMember",
    "DuplicateCandidate",
    "Erasure",
    "Event",
    "EventKey",
    "EventName",
    "EventProperty",
    "Identity",
    "IdentitySettings",
    "Import",
    "ImportRow",
    "InboxEntry",
    "Member",
    "MemberAcquisition",
    "MemberMerge",
    "MemberState",
    "MemberTag",
    "ParkedEvent",
    "RetentionPeriod",
    "RetractedEvent",
    "Suppression",
    "Tag",
    "ValueSource",
]
