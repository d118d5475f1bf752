"""Make a workspace and invite its owner by e-mail."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from urm.tenancy.actions import create_workspace
from urm.tenancy.context import tenant_context
from urm.ui.actions.staff import invite_staff, send_invitation


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name in addresses: /w/SLUG/")
        parser.add_argument("--name", help="shown to staff; the slug when left out")
        parser.add_argument("--owner", required=True, help="e-mail address of the owner, who gets an invitation")
        parser.add_argument("--time-zone", default="UTC", help="for example Asia/Shanghai")
        parser.add_argument("--currency", default="USD", help="ISO 4217, for example CNY")
        parser.add_argument("--language", default="en", choices=["en", "zh-hans"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                workspace = create_workspace(
                    name=options["name"] or options["slug"],
                    slug=options["slug"],
                    time_zone=options["time_zone"],
                    currency=options["currency"],
                    language=options["language"],
                )
                with tenant_context(workspace.pk):
                    role, _new = invite_staff(workspace=workspace, email=options["owner"], role="owner")
        except ValidationError as error:
            raise CommandError(
                "; ".join(f"{field}: {' '.join(m)}" for field, m in error.message_dict.items())
            ) from error
        try:
            with tenant_context(workspace.pk):
                send_invitation(role=role)
        except OSError as error:
            raise CommandError(
                f"The workspace {workspace.slug} is made, but its owner could not be written to: {error}. "
                "Mend EMAIL_URL; the owner can then ask for a link with 'Forgot your password?' on the log-in page."
            ) from error
        self.stdout.write(f"Workspace {workspace.slug} is made; {options['owner']} is invited.")
