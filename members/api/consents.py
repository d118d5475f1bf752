"""What members allow, with its proof, and the addresses that must not be written to."""

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django_filters import CharFilter
from rest_framework.response import Response

from members.actions import MemberError, ask_for_consent, lift_suppression, record_consent, suppress_address
from members.actions.consents import register_purpose
from members.api import shapes
from members.api.members import member_or_404
from members.models import Consent, ConsentRecord, Suppression
from urm.rest.errors import invalid
from urm.rest.filters import StrictFilterSet
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView

_EXAMPLE = {"channel": "email", "purpose": "marketing", "granted": True, "at": "2026-03-01T09:30:00Z"}
_SUPPRESSION = {
    "id": 7,
    "channel": "email",
    "address": "gone@example.com",
    "reason": "complained",
    "created_at": "2026-03-01T09:30:00Z",
}


class MemberConsents(ApiView):
    required_scope = {"GET": "members.view", "POST": "members.change"}
    ordering = ("-id",)

    @documented("Read what a member allows", answer=shapes.ConsentOut, many=True, example=_EXAMPLE)
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        return self.page(Consent.objects.filter(member=member_or_404(external_id)), shapes.ConsentOut)

    @documented(
        "Record consent or its withdrawal",
        request=shapes.ConsentIn,
        answer=shapes.ConsentOut,
        status=201,
        also={202: shapes.PendingConsentOut},
        example=_EXAMPLE,
        request_example={"channel": "email", "granted": True, "source": "checkout", "wording": "2026-02"},
        description="Kept for ever as proof. The answer is what holds now, which an older statement does not change. "
        "With `double_opt_in`, or for a purpose that asks for it, the answer is 202: a link is sent to the member, and "
        "nothing holds before it is confirmed.",
    )
    def post(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        member = member_or_404(external_id)
        given = self.valid(shapes.ConsentIn)
        asked = given.pop("double_opt_in")
        if given["granted"] and given["channel"] == "email" and not given.get("proof"):
            asked = asked or register_purpose(key=given["purpose"]).double_opt_in
        if asked and given["granted"]:
            try:
                pending = ask_for_consent(
                    member=member,
                    channel=given["channel"],
                    purpose=given["purpose"],
                    source=given["source"],
                    wording=given.get("wording", ""),
                )
            except ValidationError as error:
                raise invalid({"double_opt_in": list(error.messages)}) from error
            row = {**given, "status": "pending", "expires_at": pending.expires_at}
            return self.answer(shapes.PendingConsentOut, row, status=202)
        record_consent(member=member, **given)
        now = Consent.objects.get(member=member, channel=given["channel"], purpose=given["purpose"])
        return self.answer(shapes.ConsentOut, now, status=201)


class ConsentHistory(ApiView):
    required_scope = "members.view"
    ordering = ("-id",)

    @documented(
        "Read every statement of consent",
        answer=shapes.ConsentRecordOut,
        many=True,
        example={
            **_EXAMPLE,
            "source": "checkout",
            "wording": "marketing/en/2",
            "recorded_by": "web shop (sk_3f9a2…)",
            "proof": "",
        },
        description="The proof: newest first, nothing is ever changed or taken away.",
    )
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        return self.page(ConsentRecord.objects.filter(member=member_or_404(external_id)), shapes.ConsentRecordOut)


class SuppressionFilters(StrictFilterSet):
    channel = CharFilter(label="Exactly this channel.")
    address = CharFilter(method="filter_address", max_length=254, label="Exactly this address, erased ones included.")

    def filter_address(self, queryset: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        digests = [Suppression.digest_of(channel, value) for channel in ("email", "sms")]
        return queryset.filter(digest__in=digests)


class SuppressionList(ApiView):
    required_scope = {"GET": "members.view", "POST": "members.change"}
    filterset_class = SuppressionFilters
    ordering = ("-created_at", "-id")

    @documented("List suppressed addresses", answer=shapes.SuppressionOut, many=True, example=_SUPPRESSION)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        return self.page(Suppression.objects.all(), shapes.SuppressionOut)

    @documented(
        "Suppress an address",
        request=shapes.SuppressionIn,
        answer=shapes.SuppressionOut,
        status=201,
        also={200: shapes.SuppressionOut},
        example=_SUPPRESSION,
        request_example={"address": "gone@example.com", "reason": "complained"},
        description="Nothing is sent to it any more, whatever is consented. 200 when it was on the list.",
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        try:
            row, created = suppress_address(**self.valid(shapes.SuppressionIn))
        except MemberError as error:
            raise invalid({name: [message] for name, message in error.fields.items()}) from error
        return self.answer(shapes.SuppressionOut, row, status=201 if created else 200)


class SuppressionDetail(ApiView):
    required_scope = {"GET": "members.view", "DELETE": "members.change"}

    @documented("Read a suppressed address", answer=shapes.SuppressionOut, example=_SUPPRESSION)
    def get(self, request: ApiRequest, suppression_id: int) -> HttpResponseBase:
        return self.answer(shapes.SuppressionOut, self.one(Suppression.objects.all(), pk=suppression_id))

    @documented("Take an address off the suppression list", status=204)
    def delete(self, request: ApiRequest, suppression_id: int) -> HttpResponseBase:
        lift_suppression(suppression=self.one(Suppression.objects.all(), pk=suppression_id))
        return Response(status=204)
