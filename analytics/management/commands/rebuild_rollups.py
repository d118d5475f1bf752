"""Roll all key figures of a workspace up anew: `manage.py rebuild_rollups --workspace SLUG`."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.actions import request_rebuild
from analytics.models import MemberDay, PeriodTotals
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, help="short name of the workspace in addresses")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["workspace"]).first()
        if tenant is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}.")
        began = time.monotonic()
        with tenant_context(tenant.pk):
            request_rebuild()
        drain(tenant.pk, names=["rollups"])
        with tenant_context(tenant.pk):
            self.stdout.write(
                f"{MemberDay.objects.count():,} days of members, {PeriodTotals.objects.count():,} periods "
                f"in {time.monotonic() - began:.1f} s"
            )
