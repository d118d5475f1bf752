from members.actions.confirmations import (
    ask_for_consent,
    ask_for_download,
    ask_for_erasure,
    confirm,
    send_confirmations,
)
from members.actions.consents import publish_wording, recompute_consents, record_consent, withdraw_everything
from members.actions.events import EventError, accept_events, canonical_event, canonical_identify, emit, mark_dirty
from members.actions.members import MemberError, erase_member, identify_member, request_erasure, upsert_member
from members.actions.suppressions import lift_suppression, suppress_address
from members.actions.tags import add_tag, create_tag, expire_tags, next_tag_expiry, remove_tag

__all__ = [
    "EventError",
    "MemberError",
    "accept_events",
    "add_tag",
    "ask_for_consent",
    "ask_for_download",
    "ask_for_erasure",
    "canonical_event",
    "canonical_identify",
    "confirm",
    "create_tag",
    "emit",
    "erase_member",
    "expire_tags",
    "identify_member",
    "lift_suppression",
    "mark_dirty",
    "next_tag_expiry",
    "publish_wording",
    "recompute_consents",
    "record_consent",
    "remove_tag",
    "request_erasure",
    "send_confirmations",
    "suppress_address",
    "upsert_member",
    "withdraw_everything",
]
