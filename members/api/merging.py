"""Merging two members, looking at it before, and taking it back."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.response import Response

from members.actions import MergeError, merge_members, unmerge_members
from members.api.members import member_or_404
from members.models import Member, MemberMerge
from members.queries.merging import MergePreview, merges_of, preview_merge
from urm.rest.errors import ApiError, invalid, not_found
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

_CHOICES = {"survivor", "other"}
_DIFFERENCE = {
    "field": "email",
    "survivor": "ada@example.com",
    "other": "a.byron@example.com",
    "taken": "survivor",
    "conflict": True,
}
MERGE_EXAMPLE = {
    "merge_id": 12,
    "survivor": "c-1024",
    "other": "c-2048",
    "differences": [_DIFFERENCE],
    "identities": {"external_id": ["c-2048"], "email": ["a.byron@example.com"]},
    "tags": ["vip"],
    "consents": ["email/marketing"],
    "events": 42,
}


class MergeIn(serializers.Serializer[Any]):
    other = serializers.CharField(max_length=200, help_text="External id of the member who becomes an alias.")
    choices = serializers.DictField(
        child=serializers.ChoiceField(choices=sorted(_CHOICES)),
        required=False,
        help_text="Whose value stays, by field or attributes.<name>; where absent, the survivor's unless it is blank.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only say what it would do.")


class DifferenceOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    survivor = serializers.JSONField(allow_null=True)
    other = serializers.JSONField(allow_null=True)
    taken = serializers.ChoiceField(choices=sorted(_CHOICES), help_text="Whose value stays.")
    conflict = serializers.BooleanField(source="is_conflict", help_text="Both say something, and not the same.")


class MergeOut(serializers.Serializer[Any]):
    merge_id = serializers.IntegerField(allow_null=True, help_text="Null for a dry run.")
    survivor = serializers.CharField(allow_null=True)
    other = serializers.CharField(allow_null=True)
    differences = DifferenceOut(many=True)
    identities = serializers.DictField(help_text="Ids that come along, by kind.")
    tags = serializers.ListField(child=serializers.CharField(), help_text="Manual tags that come along.")
    consents = serializers.ListField(child=serializers.CharField(), help_text="Channel/purpose said more lately.")
    events = serializers.IntegerField(help_text="How many events of its own the other brings.")


class UnmergeIn(serializers.Serializer[Any]):
    merge_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class MergeRecordOut(serializers.Serializer[MemberMerge]):
    merge_id = serializers.IntegerField(source="pk")
    other = serializers.CharField(source="other.external_id", allow_null=True, help_text="Null for a visitor.")
    reason = serializers.CharField(help_text="manual, visitor or identity.")
    merged_at = serializers.DateTimeField()
    merged_by = serializers.CharField()
    unmerged_at = serializers.DateTimeField(allow_null=True)


class Merge(ApiView):
    required_scope = "members.change"

    @documented(
        "Merge another member into this one",
        request=MergeIn,
        answer=MergeOut,
        example=MERGE_EXAMPLE,
        request_example={"other": "c-2048", "choices": {"email": "other"}, "dry_run": True},
        errors={409: "cannot_merge"},
        description="The other becomes an alias: its history, ids, tags, consents and points count for this member, "
        "and its external id leads here. Unmerge takes all of it back.",
    )
    def post(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        survivor, given = member_or_404(external_id), self.valid(MergeIn)
        other = Member.objects.filter(external_id=given["other"], erased_at=None).first()
        if other is None:
            raise invalid({"other": ["There is no such member in this workspace."]})
        choices = given.get("choices", {})
        found = preview_merge(survivor, other, choices)
        if given["dry_run"]:
            return Response(_answer(found, survivor, other, None))
        try:
            merge = merge_members(survivor=survivor, other=other, choices=choices)
        except MergeError as error:
            raise _refused(error) from error
        return Response(_answer(found, survivor, other, merge.pk))


class Unmerge(ApiView):
    required_scope = "members.change"

    @documented(
        "Take a merge back",
        request=UnmergeIn,
        answer=MergeRecordOut,
        example={
            "merge_id": 12,
            "other": "c-2048",
            "reason": "manual",
            "merged_at": "2026-03-01T09:30:00Z",
            "merged_by": "shop backend",
            "unmerged_at": "2026-03-02T10:00:00Z",
        },
        request_example={"merge_id": 12},
        errors={409: "cannot_merge"},
        description="Both members live again with what was theirs. What was changed on this member since stays with "
        "it; events go with the id that they came by. A member that was itself merged away must be un-merged first.",
    )
    def post(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        member = member_or_404(external_id)
        merge = merges_of(member).filter(pk=self.valid(UnmergeIn)["merge_id"]).first()
        if merge is None:
            raise not_found("merge of this member")
        try:
            unmerge_members(merge=merge)
        except MergeError as error:
            raise _refused(error) from error
        merge.refresh_from_db()
        return self.answer(MergeRecordOut, merge)


class MergeList(ApiView):
    required_scope = "members.view"
    ordering = ("-id",)

    @documented(
        "List who was merged into a member",
        answer=MergeRecordOut,
        many=True,
        example={
            "merge_id": 12,
            "other": "c-2048",
            "reason": "manual",
            "merged_at": "2026-03-01T09:30:00Z",
            "merged_by": "shop backend",
            "unmerged_at": None,
        },
    )
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        return self.page(merges_of(member_or_404(external_id)).order_by(), MergeRecordOut)


def _answer(found: MergePreview, survivor: Member, other: Member, merge_id: int | None) -> dict[str, Any]:
    ids: dict[str, list[str]] = {}
    for identity in found.identities:
        ids.setdefault(identity.kind, []).append(identity.value)
    shown = {
        "merge_id": merge_id,
        "survivor": survivor.external_id,
        "other": other.external_id,
        "differences": found.differences,
        "identities": ids,
        "tags": found.tags,
        "consents": [f"{consent.channel}/{consent.purpose}" for consent in found.consents],
        "events": found.events,
    }
    return dict(MergeOut(shown).data)


def _refused(error: MergeError) -> ApiError:
    if error.field:
        return invalid({error.field: [error.message]})
    return ApiError(409, "cannot_merge", error.message)
