from django.apps import AppConfig
from django.contrib.admin import apps as django_admin
from django.utils.translation import gettext_lazy as _


class UiConfig(AppConfig):
    name = "urm.ui"
    label = "ui"
    verbose_name = _("Workspace")
    default = True

    def ready(self) -> None:
        from unfold import fields  # noqa: PLC0415 - not before the apps are loaded

        from urm.ui.formats import json_text  # noqa: PLC0415

        # unfold colours JSON by style attributes, which the Content-Security-Policy refuses.
        fields.prettify_json = lambda data, encoder: json_text(data)


class AdminConfig(django_admin.AdminConfig):
    """Django's admin with our site as `admin.site`."""

    default = False
    default_site = "urm.ui.site.WorkspaceSite"
