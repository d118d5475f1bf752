from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("People")

    def ready(self) -> None:
        from members import tasks  # noqa: F401, PLC0415 - registers the work on the log
        from members.consumers import acquisition, schema  # noqa: F401, PLC0415 - register themselves
