from django.apps import AppConfig
from django.contrib.admin import apps as django_admin
from django.utils.translation import gettext_lazy as _


class UiConfig(AppConfig):
    name = "urm.ui"
    label = "ui"
    verbose_name = _("Workspace")
    default = True


class AdminConfig(django_admin.AdminConfig):
    """Django's admin with our site as `admin.site`."""

    default = False
    default_site = "urm.ui.site.WorkspaceSite"
