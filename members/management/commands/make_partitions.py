"""Make the log's partitions for the months ahead. Run by the owner's scheduled job; readiness warns when it hasn't."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--months", type=int, default=3, help="how many months ahead")

    def handle(self, *args: Any, **options: Any) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "SELECT app.make_event_partition((date_trunc('month', now()) + n * interval '1 month')::date) "
                "FROM generate_series(0, %s) n",
                [options["months"]],
            )
        self.stdout.write(f"partitions ready for {options['months']} months ahead")
