"""Routes for these tests only: tags, listed and made, and views that fail."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http.response import HttpResponseBase
from django.urls import include, path
from django_filters import CharFilter
from rest_framework import serializers

from members.models import Tag
from urm.rest.filters import StrictFilterSet
from urm.rest.schema import documented
from urm.rest.views import ANY_KEY, ApiRequest, ApiView


class TagOut(serializers.Serializer[Tag]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class TagIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    lines = serializers.ListField(child=serializers.DictField(child=serializers.IntegerField()), required=False)


class TagFilters(StrictFilterSet):
    name = CharFilter()


class Tags(ApiView):
    required_scope = {"GET": "members.view", "POST": "members.change"}
    ordering = ("-created_at", "-id")
    filterset_class = TagFilters

    @documented("List", answer=TagOut, many=True)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        return self.page(Tag.objects.all(), TagOut)

    @documented("Add", request=TagIn, answer=TagOut, status=201)
    def post(self, request: ApiRequest) -> HttpResponseBase:
        name = self.valid(TagIn)["name"]
        with transaction.atomic():
            tag = Tag.objects.create(name=name)
        if name == "late refusal":
            raise ValidationError("Too late.", code="too_late")
        return self.answer(TagOut, tag, status=201, location=f"/api/v1/tags/{tag.pk}")


class OneTag(ApiView):
    required_scope = "members.view"

    def get(self, request: ApiRequest, name: str) -> HttpResponseBase:
        return self.answer(TagOut, self.one(Tag.objects.all(), name=name))


class Fault(ApiView):
    required_scope = ANY_KEY

    def get(self, request: ApiRequest) -> HttpResponseBase:
        raise RuntimeError("A secret detail.")


class Browser(ApiView):
    required_scope = "events.write"
    publishable = True
    takes_batches = True

    def post(self, request: ApiRequest) -> HttpResponseBase:
        from rest_framework.response import Response  # noqa: PLC0415

        return Response({"items": len(request.data)})


urlpatterns = [
    path("api/v1/tags", Tags.as_view()),
    path("api/v1/tags/<str:name>", OneTag.as_view()),
    path("api/v1/fault", Fault.as_view()),
    path("api/v1/browser", Browser.as_view()),
    path("", include("urm.rest.urls")),
]
handler400 = "urm.rest.errors.handler400"
handler403 = "urm.rest.errors.handler403"
handler404 = "urm.rest.errors.handler404"
handler500 = "urm.rest.errors.handler500"
