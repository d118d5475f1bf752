"""System checks of a live database (`manage.py check --database default`); every entrypoint runs them at start."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connections

from urm.tenancy import catalogue


@register(Tags.database)
def check_isolation(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if "default" in (databases or ()):
        connection = connections["default"]
        if "tenancy_tenant" not in connection.introspection.table_names():
            return messages  # nothing migrated yet: nothing to leak
        messages += [Error(text, id="tenancy.E001") for text in catalogue.role_problems(connection)]
        messages += [Error(text, id="tenancy.E002") for text in catalogue.violations(connection)]
        if leaky := catalogue.leaky_functions(connection):
            messages.append(
                CheckWarning(
                    f"Not marked LEAKPROOF: {', '.join(leaky)}. Searches on these operators cannot use their indexes.",
                    hint="Run deploy/prepare_database.sql as a superuser.",
                    id="tenancy.W001",
                )
            )
    return messages
