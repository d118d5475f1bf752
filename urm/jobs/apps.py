from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "urm.jobs"
    label = "jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        from urm.jobs import tasks  # noqa: F401, PLC0415 - registers the work
