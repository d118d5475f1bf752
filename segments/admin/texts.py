"""The words of the rule builder, which its scripts take from the server: one catalogue for all languages."""

from django.utils.translation import gettext as _


def texts() -> dict[str, str]:
    return _structure() | _fields() | _actions() | _answers()


def _structure() -> dict[str, str]:
    return {
        "rule": _("Rule"),
        "group": _("Group"),
        "condition": _("Condition"),
        "match": _("How many of these must be met"),
        "all": _("all of these"),
        "any": _("at least one of these"),
        "not": _("not"),
        "not_title": _("Turn it round: those for whom this is not so"),
        "not_on": _("Turned round"),
        "not_off": _("No longer turned round"),
        "empty_all": _("No condition: everybody is in."),
        "empty_any": _("No condition: nobody is in."),
        "draft": _("Choose what it asks for; until then it is left out of the rule."),
        "add_condition": _("Condition"),
        "add_group": _("Group"),
        "odd": _("This part can only be edited as JSON."),
    }


def _fields() -> dict[str, str]:
    return {
        "fact": _("What is asked for"),
        "choose": _("Choose …"),
        "property": _("Property"),
        "kind": _("Type"),
        "kind_text": _("text"),
        "kind_number": _("number"),
        "kind_datetime": _("date"),
        "kind_boolean": _("yes or no"),
        "kind_list": _("list"),
        "operator": _("Comparison"),
        "value": _("Value"),
        "ignore_case": _("ignore case"),
        "and": _("and"),
        "days": _("days"),
        "days_ago": _("days ago"),
        "add_value": _("Add a value"),
        "or_another": _("or another"),
        "search": _("Type to search"),
        "more": _("More …"),
        "window_ever": _("at any time"),
        "window_days": _("in the last"),
        "window_between": _("between days ago"),
        "window_until_days_ago": _("until days ago"),
        "window_calendar": _("in the calendar"),
        "window_from": _("from"),
        "window_to": _("until before"),
        "until_before": _("until before"),
    }


def _actions() -> dict[str, str]:
    return {
        "actions": _("Actions"),
        "handle": _("Drag, or move with the arrow keys"),
        "remove": _("Remove"),
        "paste": _("Paste"),
        "act_up": _("Move up"),
        "act_down": _("Move down"),
        "act_out": _("Move out of the group"),
        "act_into": _("Move into the next group"),
        "act_wrap": _("Put into a group of its own"),
        "act_duplicate": _("Duplicate"),
        "act_copy": _("Copy"),
        "act_cut": _("Cut"),
        "act_pasteAfter": _("Paste below"),
        "added": _("Added"),
        "removed": _("Removed"),
        "duplicated": _("Duplicated"),
        "copied": _("Copied"),
        "pasted": _("Pasted"),
        "moved": _("Moved"),
        "not_moved": _("It cannot be moved further this way"),
        "position": _("to place {position} of {count}"),
        "undone": _("Undone"),
        "redone": _("Done again"),
        "nothing_to_undo": _("Nothing to undo"),
        "nothing_to_paste": _("There is no condition in the clipboard"),
        "template_taken": _("The template is in the rule; Undo brings back what was there"),
    }


def _answers() -> dict[str, str]:
    return {
        "lets_through": _("{count} meet it"),
        "together": _("{count} meet this and all above it"),
        "after_above": _("with those above"),
        "about": _("about {count}"),
        "of": _("of {count}"),
        "margin": _("± {margin}, estimated from a sample"),
    }
