from members.actions.confirmations import (
    ask_for_consent,
    ask_for_download,
    ask_for_erasure,
    confirm,
    send_confirmations,
)
from members.actions.consents import publish_wording, recompute_consents, record_consent, withdraw_everything
from members.actions.duplicates import (
    change_merge_kinds,
    compare_if_requested,
    dismiss_duplicate,
    find_duplicates,
    request_comparison,
)
from members.actions.erasure import erase_member, replay_erasures
from members.actions.events import EventError, accept_events, canonical_event, canonical_identify, emit, mark_dirty
from members.actions.export import export_person
from members.actions.identify import identify_member
from members.actions.members import MemberError, request_erasure, upsert_member
from members.actions.merging import MergeError, merge_members, unmerge_members
from members.actions.retention import let_go, preview_retention, set_retention, wake_at_night
from members.actions.retraction import UnknownEventError, correct_event, delete_event, delete_event_numbered
from members.actions.suppressions import lift_suppression, suppress_address
from members.actions.tags import add_tag, create_tag, expire_tags, next_tag_expiry, remove_tag, tag_members

__all__ = [
    "EventError",
    "MemberError",
    "MergeError",
    "UnknownEventError",
    "accept_events",
    "add_tag",
    "ask_for_consent",
    "ask_for_download",
    "ask_for_erasure",
    "canonical_event",
    "canonical_identify",
    "change_merge_kinds",
    "compare_if_requested",
    "confirm",
    "correct_event",
    "create_tag",
    "delete_event",
    "delete_event_numbered",
    "dismiss_duplicate",
    "emit",
    "erase_member",
    "expire_tags",
    "export_person",
    "find_duplicates",
    "identify_member",
    "let_go",
    "lift_suppression",
    "mark_dirty",
    "merge_members",
    "next_tag_expiry",
    "preview_retention",
    "publish_wording",
    "recompute_consents",
    "record_consent",
    "remove_tag",
    "replay_erasures",
    "request_comparison",
    "request_erasure",
    "send_confirmations",
    "set_retention",
    "suppress_address",
    "tag_members",
    "unmerge_members",
    "upsert_member",
    "wake_at_night",
    "withdraw_everything",
]
