"""What the audit log says, in words: who did what to which kind of thing."""

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# By `noun.verb`, else by the verb alone: the kind of object stands beside it.
_WORDS: dict[str, str | Promise] = {
    "add": gettext_lazy("has added"),
    "adjust": gettext_lazy("has adjusted points"),
    "award_past_purchases": gettext_lazy("has given points for past purchases"),
    "change": gettext_lazy("has changed"),
    "create": gettext_lazy("has created"),
    "delete": gettext_lazy("has deleted"),
    "update": gettext_lazy("has changed"),
    "add_members": gettext_lazy("has put members on the list"),
    "remove_members": gettext_lazy("has taken members off the list"),
    "freeze": gettext_lazy("has frozen as a list"),
    "save_proposition": gettext_lazy("has written the value proposition"),
    "cancel": gettext_lazy("has cancelled"),
    "change_role": gettext_lazy("has changed the role"),
    "check": gettext_lazy("has checked"),
    "confirm": gettext_lazy("has confirmed who they are"),
    "consent": gettext_lazy("has written down consent"),
    "correct": gettext_lazy("has corrected"),
    "discard": gettext_lazy("has discarded"),
    "dismiss": gettext_lazy("has kept apart"),
    "done": gettext_lazy("has finished"),
    "download": gettext_lazy("has downloaded"),
    "drop": gettext_lazy("has dropped"),
    "end": gettext_lazy("has finished"),
    "erase": gettext_lazy("has erased"),
    "export": gettext_lazy("has exported"),
    "invite": gettext_lazy("has invited"),
    "launch": gettext_lazy("has launched"),
    "lift": gettext_lazy("has lifted"),
    "merge": gettext_lazy("has merged"),
    "unmerge": gettext_lazy("has un-merged"),
    "pause": gettext_lazy("has paused"),
    "promote": gettext_lazy("has registered"),
    "publish": gettext_lazy("has published"),
    "put_on_members": gettext_lazy("has put on members"),
    "remove": gettext_lazy("has removed"),
    "remove_rule": gettext_lazy("has removed the rule"),
    "remove_target": gettext_lazy("has removed a target"),
    "renew_secret": gettext_lazy("has made a new signing key"),
    "request_erasure": gettext_lazy("has asked for erasure"),
    "resume": gettext_lazy("has resumed"),
    "retry": gettext_lazy("has tried again"),
    "retry_unknown": gettext_lazy("has sent the unknown ones again"),
    "reverse": gettext_lazy("has reversed"),
    "revoke": gettext_lazy("has revoked"),
    "run": gettext_lazy("has run"),
    "schedule": gettext_lazy("has scheduled"),
    "set": gettext_lazy("has set"),
    "set_rule": gettext_lazy("has set the rule"),
    "set_target": gettext_lazy("has set a target"),
    "start": gettext_lazy("has started"),
    "test": gettext_lazy("has sent a test"),
    "undo": gettext_lazy("has begun to undo"),
    "undone": gettext_lazy("has undone the import"),
    "upload": gettext_lazy("has uploaded"),
    "write": gettext_lazy("has written"),
}


def known_deeds() -> set[str]:
    return set(_WORDS)


def deed_words(verb: str) -> str:
    """“campaign.launch” → “has launched”; a verb that nobody has put into words stays what it is."""
    return str(_WORDS.get(verb) or _WORDS.get(verb.partition(".")[2]) or verb)


def kind_words(label: str) -> str:
    """“segments.segment” → “segment”."""
    try:
        return str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label


def change_words(target_type: str, after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was written, as (field, value): fields by their names in forms, lists without brackets."""
    try:
        names = {
            field.name: str(getattr(field, "verbose_name", "")) for field in apps.get_model(target_type)._meta.fields
        }
    except (LookupError, ValueError):
        names = {}
    return [(names.get(name) or name, _plain(value)) for name, value in after.items()]


def _plain(value: Any) -> str:
    if value is None or value in ("", "None", []):
        return "–"
    if isinstance(value, bool) or value in ("True", "False"):
        return _("Yes") if str(value) == "True" else _("No")
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value)
    return str(value)


def actor_words(name: str) -> str:
    """Who did it; what the platform did by itself is written as “system” whatever the language."""
    return _("system") if name == "system" else name
