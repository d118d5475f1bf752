"""Step 1: members with demographics as typed attributes, and what they allow."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from deploy.demo.people import email_consent, person
from deploy.demo.report import Bar, Outcome
from deploy.demo.run import Run
from deploy.demo.workspaces import Workspace
from members.actions import record_consent, upsert_member
from members.models import Consent, ConsentRecord, Member

TITLE = "1 Members, attributes, consents"
CHUNK = 200  # members in one transaction, as an import would
_NUMBERS = {"household_size", "kids_count"}


def run(run: Run, bar: Bar, outcome: Outcome) -> None:
    known = run.source.demographics()
    for workspace in run.workspaces:
        with workspace.entered():
            rows = list(bar.over(workspace.households, workspace.tenant.slug))
            for start in range(0, len(rows), CHUNK):
                with transaction.atomic():
                    for household in rows[start : start + CHUNK]:
                        _add(household, known.get(household, {}), chinese=workspace.chinese)
                bar.show(workspace.tenant.slug, start, len(rows))
        run.work_off(workspace)
        _check(run, workspace, outcome)
    outcome.count = f"{len(run.workspaces[0].households):,} + {len(run.workspaces[1].households):,} members"


def _add(household: int, demographics: dict[str, str], *, chinese: bool) -> None:
    who = person(household, chinese=chinese)
    attributes: dict[str, Any] = {
        name: int(value.removesuffix("+")) if name in _NUMBERS else value for name, value in demographics.items()
    }
    traits = {
        "first_name": who.first_name,
        "last_name": who.last_name,
        "email": who.email,
        "language": "zh-hans" if chinese else "en",
        "country": "CN" if chinese else "US",
        "source": "loyalty card",
        "attributes": attributes,
    }
    member, created = upsert_member(external_id=str(household), traits=traits)
    if not created:
        return  # a run that was interrupted goes on
    said = email_consent(household)
    statements = {"granted": [True], "withdrawn": [True, False], "refused": [False], None: []}[said]
    for granted in statements:
        record_consent(
            member=member,
            channel="email",
            purpose="marketing",
            granted=granted,
            source="loyalty card application (made up)",
            wording="2017-01",
        )


def _check(run: Run, workspace: Workspace, outcome: Outcome) -> None:
    expected = run.expected(workspace)
    slug = workspace.tenant.slug
    with workspace.entered():
        outcome.equal(
            f"{slug}: members",
            set(Member.objects.values_list("external_id", flat=True)),
            expected.ids("FROM household"),
        )
        stored = {
            external_id: attributes
            for external_id, attributes in Member.objects.values_list("external_id", "attributes")
            if attributes
        }
        outcome.equal(f"{slug}: attributes", stored, _demographics(run, workspace))
        outcome.equal(
            f"{slug}: consents",
            set(Consent.objects.filter(granted=True).values_list("member__external_id", flat=True)),
            expected.ids("FROM household WHERE id % 10 <= 6"),
        )
        outcome.equal(
            f"{slug}: proofs of consent",
            ConsentRecord.objects.count(),
            expected.one("SELECT sum([1, 1, 1, 1, 1, 1, 1, 2, 1, 0][id % 10 + 1]) FROM household"),
        )


def _demographics(run: Run, workspace: Workspace) -> dict[str, dict[str, Any]]:
    """From the files, in the shape that the platform should hold them."""
    rows = run.expected(workspace).rows(
        """
        SELECT household_id, age, income, home_ownership, marital_status, household_comp,
               replace(household_size, '+', '')::INTEGER, replace(kids_count, '+', '')::INTEGER FROM demographic
        """
    )
    names = ("age", "income", "home_ownership", "marital_status", "household_comp", "household_size", "kids_count")
    return {
        str(household): {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for household, *values in rows
    }
