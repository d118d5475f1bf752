"""What loyalty shows on pages of others, and how its events read in the timeline; what messages may say of points."""

from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from loyalty import queries
from members.admin.extensions import Column, EventWords, add_event_words, add_member_column
from members.models import Member
from urm.tenancy.middleware import WorkspaceRequest
from urm.ui.components import Chart, Series, Tile
from urm.ui.formats import number
from urm.ui.pages import staff_may
from urm.ui.panels import panel


def _points(properties: dict[str, Any]) -> str:
    return number(properties.get("points", 0))


def _signed(properties: dict[str, Any]) -> str:
    points = properties.get("points", 0)
    return f"{'+' if points > 0 else '−'}{number(abs(points))}"


def _ledger(_properties: dict[str, Any], member: Member) -> str:
    return f"{reverse('admin:loyalty_transfer_changelist')}?{urlencode({'q': member.external_id or ''})}"


for _name, _label, _icon, _detail in (
    ("earned", _("Points earned"), "stars", lambda p: f"+{_points(p)}"),
    ("redeemed", _("Points redeemed"), "redeem", lambda p: f"−{_points(p)}"),
    ("expired", _("Points expired"), "hourglass_bottom", lambda p: f"−{_points(p)}"),
    ("adjusted", _("Points adjusted"), "edit_note", _signed),
):
    add_event_words(f"urm.points.{_name}", EventWords(_label, _icon, _detail, _ledger, "loyalty.view"))
add_event_words(
    "urm.tier.changed",
    EventWords(_("Tier changed"), "military_tech", lambda p: f"{p.get('before') or '–'} → {p.get('after') or '–'}"),
)
add_event_words("urm.reward.redeemed", EventWords(_("Reward redeemed"), "shopping_bag", lambda p: p.get("reward", "")))
add_member_column(Column("points", _("points"), queries.points_shown))


@panel("member_head", title="", capability="loyalty.view", template="loyalty/panels/head.html", order=30)
def head(request: WorkspaceRequest, member: Member) -> dict[str, Any] | None:
    has = queries.member_points(member)
    return {"has": has} if has.tier or has.lifetime_points or has.points else None


@panel(
    "member",
    title=_("Points"),
    capability="loyalty.view",
    template="loyalty/panels/member.html",
    order=40,
    width="third",
)
def member_points(request: WorkspaceRequest, member: Member) -> dict[str, Any] | None:
    if queries.programme() is None:
        return None
    account = queries.accounts().filter(member=member).first()
    return {
        "has": queries.member_points(member),
        "account": account,
        "transfers": queries.transfers_of(member)[:5],
        "may_adjust": staff_may(request, "loyalty.change"),
    }


@panel(
    "home",
    title=_("Points issued and redeemed"),
    capability="loyalty.view",
    template="loyalty/panels/home.html",
    order=60,
    width="half",
)
def issued_and_redeemed(request: WorkspaceRequest, _subject: Any) -> dict[str, Any] | None:
    if queries.programme() is None:
        return None
    months = queries.monthly_points(12)
    now = months[-1]
    ledger = reverse("admin:loyalty_transfer_changelist")
    return {
        "tiles": [
            Tile(
                gettext("Issued this month"),
                number(now.issued),
                gettext("Points for purchases that happened this month, less those reversed; workspace's time zone."),
                trend=[month.issued for month in months],
                url=f"{ledger}?kind__exact=earn",
            ),
            Tile(
                gettext("Redeemed this month"),
                number(now.redeemed),
                gettext("Points that members exchanged for rewards this month, less those given back."),
                trend=[month.redeemed for month in months],
                url=f"{ledger}?kind__exact=redeem",
            ),
            Tile(
                gettext("Outstanding"),
                number(queries.outstanding()),
                gettext("All members' points that are neither spent nor expired."),
                good_when="neither",
                url=reverse("admin:loyalty_account_changelist"),
            ),
        ],
        "chart": Chart(
            title=gettext("Points issued and redeemed by month"),
            labels=[f"{month.start:%Y-%m}" for month in months],
            series=[
                Series(gettext("issued"), [month.issued for month in months]),
                Series(gettext("redeemed"), [month.redeemed for month in months]),
            ],
            x_title=gettext("month"),
            y_title=gettext("points"),
            kind="bar",
            definition=gettext(
                "By the month in which the purchase or the redemption happened, in the workspace's time zone. "
                "Reversals count in the month of the reversal."
            ),
            incomplete_last=True,
        ),
    }
