"""Members by external id, and what hangs on one: timeline and tags."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django_filters import CharFilter, IsoDateTimeFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from members import queries
from members.actions import add_tag, export_person, remove_tag, request_erasure, upsert_member
from members.actions.export import as_json
from members.actions.identities import clean_identity
from members.api import shapes
from members.models import Identity, Member
from urm.rest.errors import invalid, not_found
from urm.rest.filters import PAGE_PARAMETERS, IdFilter, StrictFilterSet, refuse_unknown
from urm.rest.pagination import cursor_values, limit_of, next_link
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView


class MemberFilters(StrictFilterSet):
    search = CharFilter(method="filter_search", max_length=200, label="Words in name, e-mail, external id or phone.")
    email = CharFilter(method="filter_email", label="Exactly this e-mail address.")
    identity = CharFilter(
        method="filter_identity",
        max_length=230,
        label="Known by this id: kind and value, such as email:ada@example.com.",
    )
    phone = CharFilter(label="Exactly this phone number, with country code.")
    country = CharFilter(label="Exactly this country.")
    city = CharFilter(label="Exactly this city.")
    source = CharFilter(label="Exactly this acquisition source.")
    tag = CharFilter(method="filter_tag", label="Has the tag of this name.")
    segment = IdFilter(method="filter_segment", label="Is in the segment of this id.")
    created_from = IsoDateTimeFilter(field_name="created_at", lookup_expr="gte", label="Created at or after.")
    created_before = IsoDateTimeFilter(field_name="created_at", lookup_expr="lt", label="Created before.")
    updated_from = IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte", label="Changed at or after.")

    def filter_search(self, queryset: QuerySet[Member], name: str, value: str) -> QuerySet[Member]:
        return queries.search_members(value, queryset)

    def filter_email(self, queryset: QuerySet[Member], name: str, value: str) -> QuerySet[Member]:
        return queryset.filter(email=value.strip().lower())

    def filter_identity(self, queryset: QuerySet[Member], name: str, value: str) -> QuerySet[Member]:
        kind, _colon, given = value.partition(":")
        if kind not in Identity.Kind.values:
            raise invalid({"identity": [f"Must be a kind and a value; kinds are {', '.join(Identity.Kind.values)}."]})
        try:
            known = clean_identity(kind, given)
        except ValueError as error:
            raise invalid({"identity": [str(error)]}) from error
        return queryset.filter(identities__kind=kind, identities__value=known)

    def filter_tag(self, queryset: QuerySet[Member], name: str, value: str) -> QuerySet[Member]:
        return queries.with_tag(value, queryset)

    def filter_segment(self, queryset: QuerySet[Member], name: str, value: Any) -> QuerySet[Member]:
        return queries.in_segment(value, queryset)


def member_or_404(external_id: str) -> Member:
    member = queries.member_by_identity(external_id) if len(external_id) <= 200 else None
    if member is None:
        raise not_found("member")
    return member


def _traits(request: ApiRequest) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise invalid({"": ["Send an object with profile fields and attributes."]})
    return request.data


def _answer(member: Member, status: int = 200) -> Response:
    context = {"tags": queries.tag_names([member.pk]), "identities": queries.identities_of([member.pk])}
    return Response(shapes.MemberOut(member, context=context).data, status=status)


class MemberList(ApiView):
    required_scope = "members.view"
    filterset_class = MemberFilters
    ordering = ("-created_at", "-id")

    @documented("List members", answer=shapes.MemberOut, many=True, example=shapes.MEMBER_EXAMPLE)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        rows = self.paginate_queryset(self.filter_queryset(queries.live_members())) or []
        ids = [member.pk for member in rows]
        context = {"tags": queries.tag_names(ids), "identities": queries.identities_of(ids)}
        return self.get_paginated_response([shapes.MemberOut(row, context=context).data for row in rows])


class MemberDetail(ApiView):
    required_scope = {
        "GET": "members.view",
        "PUT": "members.change",
        "PATCH": "members.change",
        "DELETE": "members.erase",
    }

    @documented("Read a member", answer=shapes.MemberOut, example=shapes.MEMBER_EXAMPLE)
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        return _answer(member_or_404(external_id))

    @documented(
        "Create or replace a member",
        request=shapes.TRAITS_IN,
        answer=shapes.MemberOut,
        also={201: shapes.MemberOut},
        example=shapes.MEMBER_EXAMPLE,
        request_example=shapes.TRAITS_EXAMPLE,
        description="Fields and attributes that are not given are emptied; PATCH leaves them. 201 when new.",
    )
    def put(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        if not 0 < len(external_id) <= 200 or external_id != external_id.strip():
            raise invalid({"external_id": ["Must be a text of 1 to 200 characters without blanks at its ends."]})
        member, created = upsert_member(external_id=external_id, traits=_traits(request), replace=True)
        return _answer(member, status=201 if created else 200)

    @documented(
        "Change a member",
        request=shapes.TRAITS_IN,
        answer=shapes.MemberOut,
        example=shapes.MEMBER_EXAMPLE,
        request_example={"city": "Boston", "attributes": {"household_size": None}},
        description="Only what is given changes; null empties a field or removes an attribute.",
    )
    def patch(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        member = member_or_404(external_id)
        member, _created = upsert_member(external_id=external_id, traits=_traits(request))
        return _answer(member)

    @documented(
        "Erase a member",
        status=202,
        description="Queues the erasure of everything personal; anonymous figures stay. Asking twice changes nothing.",
    )
    def delete(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        request_erasure(member=member_or_404(external_id))
        return Response(status=202)


class MemberExport(ApiView):
    required_scope = "members.export"

    @documented(
        "Export everything about a member",
        answer=shapes.EXPORT_OUT,
        example={"members_member": [{"external_id": "c-1024", "first_name": "Ada"}], "members_event": []},
        description="Every table that holds something about the person, and about all who were merged into them: "
        "table → rows. Each export stands in the audit log.",
    )
    def post(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        return Response(as_json(export_person(member=member_or_404(external_id))))


def _moment(request: ApiRequest, name: str) -> datetime | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid({name: ["Must be an ISO 8601 date and time, such as 2026-03-01T09:30:00Z."]}) from None


class Timeline(ApiView):
    required_scope = "members.view"

    @documented(
        "Read a member's timeline",
        answer=shapes.TimelineOut,
        many=True,
        parameters=[
            OpenApiParameter("name", str, many=True, description="Only events of these names."),
            OpenApiParameter(
                "kind",
                str,
                many=True,
                description="Only events of these kinds: behaviour for what the member did; else the second word of "
                "the platform's own names, such as segment, stage, tag, message, points.",
            ),
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="Happened at or after."),
            OpenApiParameter("before", OpenApiTypes.DATETIME, description="Happened before."),
        ],
        example={
            "id": 4712,
            "name": "urm.segment.entered",
            "kind": "segment",
            "occurred_at": "2026-03-01T09:30:01Z",
            "amount": None,
            "properties": {"segment": 3, "title": "Big spenders", "cause": 4711},
            "trusted": True,
            "cause": {"id": 4711, "name": "purchase", "occurred_at": "2026-03-01T09:30:00Z", "amount": "59.9000"},
        },
        description="Newest first: what the member did and what was done to the member, with the event that caused it.",
    )
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        refuse_unknown(request, PAGE_PARAMETERS | {"name", "kind", "from", "before"})
        limit = limit_of(request)
        rows = queries.timeline(
            member_or_404(external_id),
            before=tuple(values) if (values := cursor_values(request)) else None,
            names=request.query_params.getlist("name") or None,
            kinds=request.query_params.getlist("kind") or None,
            start=_moment(request, "from"),
            end=_moment(request, "before"),
            limit=limit + 1,
        )
        page = rows[:limit]
        link = next_link(request, [page[-1].occurred_at, page[-1].id]) if len(rows) > limit else None
        return Response({"data": shapes.TimelineOut(page, many=True).data, "next": link})


class MemberTags(ApiView):
    required_scope = "members.change"

    @documented(
        "Tag a member",
        request=shapes.TagIn,
        answer=shapes.MemberTagOut,
        status=201,
        also={200: shapes.MemberTagOut},
        example={"name": "vip"},
        request_example={"expires_at": "2026-12-31T00:00:00Z"},
        description="The body may be absent. 200 when the member had the tag. Tags that follow a rule are refused.",
    )
    def post(self, request: ApiRequest, external_id: str, tag: str) -> HttpResponseBase:
        expires_at = self.valid(shapes.TagIn)["expires_at"] if request._request.body else None
        added = add_tag(member=member_or_404(external_id), name=tag, expires_at=expires_at)
        return Response({"name": tag.strip()}, status=201 if added else 200)

    @documented("Take a tag off a member", status=204)
    def delete(self, request: ApiRequest, external_id: str, tag: str) -> HttpResponseBase:
        if not remove_tag(member=member_or_404(external_id), name=tag):
            raise not_found("tag of this member")
        return Response(status=204)
