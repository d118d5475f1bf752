"""One member's points, and exchanging them."""

import uuid
from hashlib import sha256

from django.http.response import HttpResponseBase
from django_filters import BooleanFilter

from loyalty import queries
from loyalty.actions import LoyaltyError, redeem_reward
from loyalty.api import shapes
from loyalty.models import Reward
from members.api.members import member_or_404
from urm.rest.errors import ApiError, invalid
from urm.rest.filters import StrictFilterSet
from urm.rest.idempotency import HEADER
from urm.rest.schema import documented
from urm.rest.views import ApiRequest, ApiView


class MemberLoyalty(ApiView):
    required_scope = "loyalty.view"

    @documented("Read a member's points and tier", answer=shapes.LoyaltyOut, example=shapes.LOYALTY_EXAMPLE)
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        return self.answer(shapes.LoyaltyOut, queries.member_points(member_or_404(external_id)))


class MemberTransfers(ApiView):
    required_scope = "loyalty.view"

    @documented(
        "List a member's points transfers", answer=shapes.TransferOut, many=True, example=shapes.TRANSFER_EXAMPLE
    )
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        return self.page(queries.transfers_of(member_or_404(external_id)), shapes.TransferOut)


class MemberRedemptions(ApiView):
    required_scope = {"GET": "loyalty.view", "POST": "loyalty.change"}

    @documented(
        "List a member's redemptions", answer=shapes.RedemptionOut, many=True, example=shapes.REDEMPTION_EXAMPLE
    )
    def get(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        return self.page(queries.redemptions_of(member_or_404(external_id)), shapes.RedemptionOut)

    @documented(
        "Redeem a reward",
        request=shapes.RedemptionIn,
        answer=shapes.RedemptionOut,
        status=201,
        example=shapes.REDEMPTION_EXAMPLE,
        request_example={"reward_id": 3},
        errors={409: "insufficient_points"},
        description="Exact however many redeem at once. Refused with 409 and `insufficient_points`, `out_of_stock`, "
        "`limit_reached` or `reward_unavailable`. Send an `Idempotency-Key`, so that a repeated request redeems once.",
    )
    def post(self, request: ApiRequest, external_id: str) -> HttpResponseBase:
        member = member_or_404(external_id)
        reward = Reward.objects.filter(pk=self.valid(shapes.RedemptionIn)["reward_id"]).first()
        if reward is None:
            raise invalid({"reward_id": ["There is no such reward in this workspace; GET /api/v1/rewards lists them."]})
        try:
            redemption = redeem_reward(member=member, reward=reward, idempotency_key=_ledger_key(request))
        except LoyaltyError as error:
            if error.code == "idempotency_key_reused":
                raise ApiError(422, error.code, error.messages[0]) from error
            raise
        return self.answer(shapes.RedemptionOut, redemption, status=201)


class RewardFilters(StrictFilterSet):
    active = BooleanFilter(label="Only those on offer, or only those that are not.")


class RewardList(ApiView):
    required_scope = "loyalty.view"
    filterset_class = RewardFilters

    @documented("List rewards", answer=shapes.RewardOut, many=True, example=shapes.REWARD_EXAMPLE)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        return self.page(Reward.objects.all(), shapes.RewardOut)


def _ledger_key(request: ApiRequest) -> str:
    """The ledger keeps keys for ever, the plumbing only for some days: a late repetition redeems nothing either."""
    token = request.headers.get(HEADER)
    if token is None:
        return f"request:{uuid.uuid4()}"
    return f"api:{sha256(f'{request.auth.pk}:{token}'.encode()).hexdigest()}"
