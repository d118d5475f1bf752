"""The dispatcher: every second, turn due wake-ups into Celery tasks; every minute, sweep all workspaces."""

import signal
import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections
from kombu.exceptions import OperationalError

from urm.tenancy.tasks import dispatch
from urm.tenancy.work import sweep

log = structlog.get_logger()


class Command(BaseCommand):
    help = __doc__
    running = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=1.0, help="seconds between two looks at the wake-ups")
        parser.add_argument("--sweep-every", type=float, default=60.0, help="seconds between two sweeps")

    def stop(self, *_args: object) -> None:
        self.running = False

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self.stdout.write("dispatcher started")
        swept_at = float("-inf")
        while self.running:
            close_old_connections()
            try:
                if time.monotonic() - swept_at >= options["sweep_every"]:
                    sweep()
                    swept_at = time.monotonic()
                dispatch()
            except (DatabaseError, OperationalError, OSError) as error:
                # A part is down: wake-ups that were claimed and not sent come back with the next sweep.
                log.warning("dispatch.unavailable", error=type(error).__name__)
                swept_at = float("-inf")
            time.sleep(options["every"])
        self.stdout.write("dispatcher stopped")
