"""Writes: saved rules, static lists, and the refresh that keeps them true."""

from segments.actions.background import start_recompute
from segments.actions.checking import check_sample
from segments.actions.lists import Listed, change_list_by_ids, freeze_segment, list_members
from segments.actions.propositions import save_proposition
from segments.actions.ranks import freeze_ranks
from segments.actions.refresh import Refreshed, has_stale_rules, recompute_segments, refresh_members
from segments.actions.scores import compute_scores, request_scores, scores_are_due
from segments.actions.segments import (
    SegmentError,
    add_to_list,
    create_segment,
    delete_segment,
    edit_segment,
    remove_from_list,
)
from segments.actions.stages import edit_stage, install_default_stages, remove_tag_rule, set_tag_rule
from segments.actions.targets import remove_stage_target, set_stage_target

__all__ = [
    "Listed",
    "Refreshed",
    "SegmentError",
    "add_to_list",
    "change_list_by_ids",
    "check_sample",
    "compute_scores",
    "create_segment",
    "delete_segment",
    "edit_segment",
    "edit_stage",
    "freeze_ranks",
    "freeze_segment",
    "has_stale_rules",
    "install_default_stages",
    "list_members",
    "recompute_segments",
    "refresh_members",
    "remove_from_list",
    "remove_stage_target",
    "remove_tag_rule",
    "request_scores",
    "save_proposition",
    "scores_are_due",
    "set_stage_target",
    "set_tag_rule",
    "start_recompute",
]
