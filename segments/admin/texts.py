"""The words of the rule builder, which its scripts take from the server: one catalogue for all languages."""

from django.utils.translation import gettext as _


def texts() -> dict[str, str]:
    return {
        "all": _("all of these"),
        "any": _("at least one of these"),
    }
