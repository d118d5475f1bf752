"""After a restore: forget again who had been erased since the backup, by the log in the file storage.

Run it before the workers start and before new members come: numbers of members are given again after a restore.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from members.actions import replay_erasures
from urm.tenancy.context import tenant_context
from urm.tenancy.models import Tenant
from urm.tenancy.work import drain


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", help="one workspace only; all when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = Tenant.objects.order_by("pk")
        if options["slug"]:
            tenants = tenants.filter(slug=options["slug"])
            if not tenants:
                raise CommandError(f"There is no workspace {options['slug']!r}.")
        for tenant in tenants:
            with tenant_context(tenant.pk):
                again = replay_erasures()
            drain(tenant.pk, names=["erase"])
            self.stdout.write(f"{tenant.slug}: {again} erased again")
