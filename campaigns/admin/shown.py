"""Figures of campaigns as components show them."""

from django.utils.translation import gettext as _

from campaigns.models import Delivery
from campaigns.queries.audience import Waterfall
from campaigns.queries.report import DEFINITIONS, Rate, Report
from urm.ui.components import Step, Tile
from urm.ui.formats import number, percent


def audience_steps(waterfall: Waterfall) -> list[Step]:
    """From everybody in the segment down to those who get it, one reason after the other."""
    left = waterfall.audience
    steps = [Step(_("in the segment"), left)]
    for _reason, label, count in waterfall.steps:
        left -= count
        steps.append(Step(_("without: %(reason)s") % {"reason": label}, left, note=f"−{number(count)}"))
    return steps


def report_tiles(report: Report) -> list[Tile]:
    tiles = [Tile(_("sent"), number(report.sent), DEFINITIONS["sent"])]
    for label, name, rate in (
        (_("opened"), "opened", report.opened),
        (_("clicked"), "clicked", report.clicked),
        (_("unsubscribed"), "unsubscribed", report.unsubscribed),
    ):
        tiles.append(Tile(label, _share(rate), DEFINITIONS[name], note=_interval(rate)))
    if report.failed:
        reasons = ", ".join(f"{Delivery.Reason(name).label}: {n}" for name, n in report.failures.items())
        tiles.append(Tile(_("failed"), number(report.failed), DEFINITIONS["failed"], note=reasons))
    if report.unknown:
        tiles.append(Tile(_("unknown"), number(report.unknown), DEFINITIONS["unknown"]))
    if report.machine_opened:
        tiles.append(Tile(_("opened by a machine only"), number(report.machine_opened), DEFINITIONS["machine_opened"]))
    return tiles


def report_steps(report: Report) -> list[Step]:
    return [
        Step(_("to be sent"), report.decided),
        Step(_("sent"), report.sent),
        Step(_("opened"), report.opened.count),
        Step(_("clicked"), report.clicked.count),
    ]


def _share(rate: Rate) -> str | None:
    return None if rate.share is None else percent(rate.share)


def _interval(rate: Rate) -> str:
    if rate.share is None:
        return _("nothing sent yet")
    return _("%(count)s members; between %(low)s and %(high)s (95 %%)") % {
        "count": number(rate.count),
        "low": percent(rate.low),
        "high": percent(rate.high),
    }
