"""Once workers run: events posted through the API move members into and out of segments, without any button."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from deploy.demo import visits
from deploy.demo.report import Bar, Outcome
from deploy.demo.steps.segments import segment_of
from deploy.demo.workspaces import Workspace
from members.queries import live_members
from segments.queries import members_of

TITLE = "8 Live: from event to segment"
LIMIT = 2.0  # seconds from posting until the API shows it
PATIENCE = 30.0


def run_live(workspaces: list[Workspace], keys: dict[str, dict[str, str]]) -> Outcome:
    """Web, worker and scheduler must be running at PUBLIC_URL."""
    bar, outcome = Bar(TITLE), Outcome(TITLE)
    spent = []
    for workspace in workspaces:
        shop = _Shop(workspace, keys[workspace.tenant.slug]["sk"])
        bar.show(f"{workspace.tenant.slug}: waiting for the workers", force=True)
        shop.wait_for_workers()
        with workspace.entered():
            quiet, coupons, new = (segment_of(workspace, name) for name in ("quiet", "coupons", "new"))
            leaving = members_of(quiet).exclude(external_id=None).order_by("pk")[:2]
            entering = live_members().exclude(pk__in=members_of(coupons).values("pk")).order_by("-pk")[:2]
            moves = [
                *((f"{member.external_id} left “{quiet}”", member.external_id, quiet.pk) for member in leaving),
                *((f"{member.external_id} entered “{coupons}”", member.external_id, coupons.pk) for member in entering),
                *((f"live-{n} entered “{new}”", f"live-{n}", new.pk) for n in (1, 2)),
            ]
        for number, (what, external_id, segment_id) in enumerate(moves, 1):
            bar.show(f"{workspace.tenant.slug}: {what}", number, len(moves), force=True)
            name, times = ("coupon_redeemed", 3) if segment_id == coupons.pk else ("purchase", 1)
            inside = segment_id != quiet.pk
            seconds = shop.seconds_until(str(external_id), name, times, segment_id, inside=inside)
            spent.append(seconds)
            outcome.holds(f"{what} within {LIMIT:g} s", seconds <= LIMIT, f"it took {seconds:.1f} s")
    outcome.count = f"{len(spent)} moves, {min(spent):.1f} to {max(spent):.1f} seconds each"
    bar.finish(outcome)
    return outcome


class _Shop:
    """What a shop's server would do with its secret key."""

    def __init__(self, workspace: Workspace, key: str) -> None:
        self.key = key
        self.api = f"{settings.PUBLIC_URL}/api/v1"
        self.run = f"live-{datetime.now(UTC):%H%M%S}"

    def wait_for_workers(self) -> None:
        """Until something that was posted has been absorbed: workers take some seconds to start."""
        self.post("live-0", "page", 1)
        deadline = time.monotonic() + 90
        while self.segments("live-0") is None:
            if time.monotonic() > deadline:
                raise SystemExit("no worker absorbed anything within 90 s: see its log")
            time.sleep(0.1)

    def seconds_until(self, external_id: str, name: str, times: int, segment_id: int, *, inside: bool) -> float:
        """From just before posting until the member is (or is no longer) in the segment; PATIENCE at most."""
        started = time.perf_counter()
        self.post(external_id, name, times)
        while (elapsed := time.perf_counter() - started) < PATIENCE:
            held = self.segments(external_id)
            if held is not None and (segment_id in held) == inside:
                return time.perf_counter() - started
            time.sleep(0.02)
        return elapsed

    def post(self, external_id: str, name: str, times: int) -> None:
        amount = {"amount": "19.90"} if name == "purchase" else {}
        events = [
            {
                "event_id": f"{self.run}-{external_id}-{name}-{n}",
                "external_id": external_id,
                "name": name,
                "properties": {"made_up": True},
                **amount,
            }
            for n in range(times)
        ]
        status, answer = visits.call("POST", f"{self.api}/events", self.key, events)
        if status != 202:
            raise RuntimeError(f"the API answered {status}: {answer}")

    def segments(self, external_id: str) -> set[Any] | None:
        """Ids of the member's segments as the API tells them; None for nobody yet."""
        status, answer = visits.call("GET", f"{self.api}/members/{external_id}/segments", self.key)
        return {segment["id"] for segment in answer["segments"]} if status == 200 else None
