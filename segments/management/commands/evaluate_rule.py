"""Print the external ids of all members a rule holds for."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from segments.queries import matching_external_ids
from urm.rules import RuleError, load
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant


class Command(BaseCommand):
    help = "Print the external ids of all members that the rule in FILE holds for, one a line, sorted by code point."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--as-of", metavar="ISO", help="a moment such as 2025-03-31T09:00:00Z; UTC without a zone")
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Tenant.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']}.")
        try:
            rule = load(options["file"].read_bytes())
            with tenant_context(workspace.pk):
                ids = matching_external_ids(rule, _moment(options["as_of"]))
        except OSError as error:
            raise CommandError(f"Cannot read {options['file']}: {error.strerror}.") from error
        except RuleError as error:
            raise CommandError("\n".join(f"{problem.path}: {problem.message}" for problem in error.problems)) from error
        self.stdout.write("".join(f"{external_id}\n" for external_id in ids), ending="")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text} is not a moment such as 2025-03-31T09:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
