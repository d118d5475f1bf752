"""Files for servers: what there is of one, and a link to it."""

from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers

from urm.jobs.files import link_to
from urm.jobs.models import File
from urm.rest.schema import documented
from urm.rest.views import ANY_KEY, ApiRequest, ApiView


class FileOut(serializers.Serializer[File]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField(help_text="In bytes.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="Until when the file is kept.")
    url = serializers.SerializerMethodField(help_text="For this key only, good for 15 minutes; then ask again.")

    def get_url(self, file: File) -> str:
        return link_to(file, self.context["view"].request.auth)


FILE_EXAMPLE: dict[str, Any] = {
    "id": 5,
    "name": "members.csv",
    "content_type": "text/csv; charset=utf-8",
    "size": 48213,
    "created_at": "2026-03-01T09:30:00Z",
    "expires_at": "2026-03-08T09:30:00Z",
    "url": "https://urm.example.com/files/AAAAAAAAAAE",
}


class FileDetail(ApiView):
    required_scope = ANY_KEY

    @documented(
        "Get a link to a file",
        answer=FileOut,
        example=FILE_EXAMPLE,
        description="What jobs write, such as exports and lists of errors. A key sees the files that its scopes cover.",
    )
    def get(self, request: ApiRequest, file_id: int) -> HttpResponseBase:
        files = File.objects.filter(capability__in=request.auth.scopes, expires_at__gt=timezone.now())
        return self.answer(FileOut, self.one(files, pk=file_id))
