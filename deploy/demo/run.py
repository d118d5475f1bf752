"""What the steps share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from email import message_from_string, policy
from email.message import EmailMessage

from deploy.demo import visits
from deploy.demo.expected import Expected
from deploy.demo.source import Source, folder
from deploy.demo.workspaces import Workspace, remembered
from urm.tenancy.work import drain


@dataclass(frozen=True)
class ReceivedMail:
    """A mail in the sink."""

    recipient: str
    headers: EmailMessage

    @property
    def household(self) -> int:
        """The made-up addresses end in the household's number."""
        return int(self.recipient.partition("@")[0].rpartition(".")[2])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        body = self.headers.get_body((kind,))
        return str(body.get_content()) if body is not None else ""


@dataclass
class Run:
    """One run of the main job."""

    source: Source
    workspaces: list[Workspace]
    url: str  # of the web server
    mail_url: str  # of the mail sink's pages
    keys: dict[str, dict[str, str]]  # slug → {"sk": …, "pk": …}
    expectations: dict[str, Expected] = field(default_factory=dict)

    def expected(self, workspace: Workspace) -> Expected:
        slug = workspace.tenant.slug
        if slug not in self.expectations:
            self.expectations[slug] = expected = Expected(
                folder(),
                households=workspace.households,
                weeks=self.source.weeks,
                zone=workspace.tenant.time_zone,
            )
            # An earlier run, which was interrupted, may have sent purchases of its own.
            if fresh := remembered(workspace, "demo.fresh"):
                expected.add_purchases(fresh_purchases(fresh["buyers"], datetime.fromisoformat(fresh["moment"])))
        return self.expectations[slug]

    def received(self, ending: str) -> list[ReceivedMail]:
        """All mails of the sink whose subject ends so, oldest first."""
        messages = json.loads(self._from_sink("/messages.json?limit=10000"))["messages"]
        found = [mail for mail in reversed(messages) if mail["subject"].endswith(ending)]
        return [
            ReceivedMail(
                mail["recipients"],
                message_from_string(self._from_sink(f"/messages/{mail['id']}/raw"), policy=policy.default),
            )
            for mail in found
        ]

    def _from_sink(self, path: str) -> str:
        status, body = visits.fetch(f"{self.mail_url}{path}")
        if status != 200:
            raise RuntimeError(f"the mail sink answered {status}")
        return body

    def work_off(self, workspace: Workspace) -> None:
        """Do here and now what the workers would do."""
        drain(workspace.tenant.pk)


def fresh_purchases(buyers: Iterable[int], moment: datetime) -> list[tuple[int, datetime, Decimal]]:
    """Made-up purchases of these households, one each, some seconds apart before `moment`: household, time, amount."""
    return [
        (household, moment - timedelta(seconds=number), Decimal(household % 4000 + 500) / 100)
        for number, household in enumerate(buyers)
    ]
