"""Audience syncs: set up, watched, paused and taken down by programs."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.response import Response

from segments.actions.audiences import FIELDS, create_audience_sync, delete_audience_sync, run_now, set_active
from segments.models import AudienceSync, Segment, SyncBatch
from urm.rest.errors import ApiError, invalid
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

SYNC_EXAMPLE = {
    "id": 5,
    "name": "Ads",
    "segment": 3,
    "destination": "webhook",
    "mode": "change",
    "every_hours": 24,
    "url": "https://ads.example.com/audience",
    "store": "",
    "format": "csv",
    "fields": ["email"],
    "active": True,
    "problem": "",
    "failures": 0,
    "next_at": "2026-03-01T10:30:00Z",
    "delivered_at": "2026-03-01T09:30:02Z",
    "created_at": "2026-03-01T09:30:00Z",
}
BATCH_EXAMPLE = {
    "number": 7,
    "key": "1f0e6a0e-6d1c-4b8e-9d0a-0a3d0c7f5b11",
    "kind": "change",
    "last": True,
    "added": 12,
    "removed": 3,
    "state": "delivered",
    "attempts": 1,
    "problem": "",
    "created_at": "2026-03-01T09:30:00Z",
    "tried_at": "2026-03-01T09:30:02Z",
    "delivered_at": "2026-03-01T09:30:02Z",
}


class SyncIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    segment = serializers.IntegerField(min_value=1, max_value=2**31 - 1, help_text="Its id.")
    destination = serializers.ChoiceField(choices=AudienceSync.Destination.choices)
    mode = serializers.ChoiceField(choices=AudienceSync.Mode.choices, default="change")
    every_hours = serializers.IntegerField(min_value=1, max_value=744, default=24, help_text="For mode schedule.")
    url = serializers.CharField(
        max_length=1000, required=False, default="", allow_blank=True, help_text="Of a webhook."
    )
    store = serializers.CharField(max_length=60, required=False, default="", allow_blank=True, help_text="Of files.")
    format = serializers.ChoiceField(choices=AudienceSync.Format.choices, default="csv", help_text="Of files.")
    fields = serializers.ListField(  # type: ignore[assignment]
        child=serializers.ChoiceField(choices=FIELDS),
        default=list,
        max_length=len(FIELDS),
        help_text="What is told of each member besides the external id.",
    )


class SyncChange(serializers.Serializer[Any]):
    active = serializers.BooleanField(help_text="false pauses, true goes on with what changed meanwhile.")


class SyncOut(serializers.ModelSerializer[AudienceSync]):
    segment = serializers.IntegerField(source="segment_id")

    class Meta:
        model = AudienceSync
        fields = tuple(SYNC_EXAMPLE)


class SyncMadeOut(SyncOut):
    secret = serializers.SerializerMethodField(help_text="Signs webhooks; told here and never again.")

    class Meta(SyncOut.Meta):
        fields = (*SYNC_EXAMPLE, "secret")

    def get_secret(self, sync: AudienceSync) -> str:
        return str(self.context["secret"])


class BatchOut(serializers.ModelSerializer[SyncBatch]):
    added = serializers.IntegerField(source="added_count")
    removed = serializers.IntegerField(source="removed_count")

    class Meta:
        model = SyncBatch
        fields = tuple(BATCH_EXAMPLE)


class AudienceSyncList(ApiView):
    required_scope = {"GET": "segments.view", "POST": "segments.change"}
    ordering = ("-created_at", "-id")

    @documented("List audience syncs", answer=SyncOut, many=True, example=SYNC_EXAMPLE)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        return self.page(AudienceSync.objects.all(), SyncOut)

    @documented(
        "Keep a segment current elsewhere",
        request=SyncIn,
        answer=SyncMadeOut,
        status=201,
        example={**SYNC_EXAMPLE, "secret": "whsec_…"},
        request_example={
            "name": "Ads",
            "segment": 3,
            "destination": "webhook",
            "url": "https://ads.example.com/audience",
            "fields": ["email"],
        },
        description="Needs the scope members.export as well, since members leave the platform.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        if "members.export" not in request.auth.scopes:
            raise ApiError(
                403, "scope_missing", "The key lacks the scope members.export; give it under Workspace → Keys."
            )
        given = self.valid(SyncIn)
        segment = Segment.objects.filter(pk=given.pop("segment")).first()
        if segment is None:
            raise invalid({"segment": ["There is no such segment in this workspace."]})
        sync, secret = create_audience_sync(segment=segment, **given)
        return Response(SyncMadeOut(sync, context={"view": self, "secret": secret}).data, status=201)


class AudienceSyncDetail(ApiView):
    required_scope = {"GET": "segments.view", "PATCH": "segments.change", "DELETE": "segments.change"}

    @documented("Read an audience sync", answer=SyncOut, example=SYNC_EXAMPLE)
    def get(self, request: ApiRequest, sync_id: int) -> HttpResponseBase:
        return self.answer(SyncOut, self.one(AudienceSync.objects.all(), pk=sync_id))

    @documented(
        "Pause or resume an audience sync",
        request=SyncChange,
        answer=SyncOut,
        example=SYNC_EXAMPLE,
        request_example={"active": False},
    )
    def patch(self, request: ApiRequest, sync_id: int) -> HttpResponseBase:
        sync = self.one(AudienceSync.objects.all(), pk=sync_id)
        set_active(sync=sync, active=self.valid(SyncChange)["active"])
        sync.refresh_from_db()
        return self.answer(SyncOut, sync)

    @documented(
        "Delete an audience sync", status=204, description="With its log. What the other system has stays there."
    )
    def delete(self, request: ApiRequest, sync_id: int) -> HttpResponseBase:
        delete_audience_sync(sync=self.one(AudienceSync.objects.all(), pk=sync_id))
        return Response(status=204)


class AudienceSyncRun(ApiView):
    required_scope = "segments.change"

    @documented("Run an audience sync now", answer=SyncOut, status=202, example=SYNC_EXAMPLE)
    def post(self, request: ApiRequest, sync_id: int) -> HttpResponseBase:
        sync = self.one(AudienceSync.objects.all(), pk=sync_id)
        run_now(sync=sync)
        sync.refresh_from_db()
        return self.answer(SyncOut, sync, status=202)


class AudienceSyncBatches(ApiView):
    required_scope = "segments.view"
    ordering = ("-number",)

    @documented("Read the log of an audience sync", answer=BatchOut, many=True, example=BATCH_EXAMPLE)
    def get(self, request: ApiRequest, sync_id: int) -> HttpResponseBase:
        sync = self.one(AudienceSync.objects.all(), pk=sync_id)
        return self.page(SyncBatch.objects.filter(sync=sync).defer("added", "removed"), BatchOut)
