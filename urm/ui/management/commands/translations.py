"""The 简体中文 catalogues of every app: `extract` new strings, `compile` what was translated, `check` both.

manage.py translations extract    add strings new in the source to <app>/locale/zh_Hans/LC_MESSAGES/django.po
(translate what is empty there)
manage.py translations compile    write the .mo files; commit them too
manage.py translations check      list what is missing or stale; exit code 1 if anything is
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("step", choices=["extract", "compile", "check"])
        parser.add_argument("rooms", nargs="*", help="folders, such as loyalty; all when none is named")

    def handle(self, *args: Any, **options: Any) -> None:
        from urm.ui import translations  # noqa: PLC0415 - needs Babel, which servers do without

        problems = 0
        for room in options["rooms"] or translations.ROOMS:
            path = translations.catalogue_path(room)
            if options["step"] == "extract":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(translations.written(translations.updated(room)))
            elif options["step"] == "compile" and path.exists():
                path.with_suffix(".mo").write_bytes(translations.compiled(translations.read_catalogue(room)))
            missing = translations.untranslated(room)
            stale = options["step"] == "check" and translations.stale(room)
            problems += len(missing) + stale
            self.stdout.write(f"{room}: {len(missing)} untranslated{', .mo is stale' if stale else ''}")
            if options["step"] == "check":
                for text in missing:
                    self.stdout.write(f"    {text!r}")
        if options["step"] == "check" and problems:
            raise CommandError("Run `manage.py translations extract`, translate, then `translations compile`.")
