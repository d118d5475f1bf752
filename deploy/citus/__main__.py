"""Print, or with --apply run, what shards the database of DATABASE_OWNER_URL by workspace."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.citus", description=__doc__)
    parser.add_argument("--apply", action="store_true", help="run the statements, all or none")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "urm.settings")
    django.setup()
    from django.db import connections  # noqa: PLC0415 - after setup

    return distribute(connections["owner"], apply=options.apply)


def distribute(connection: BaseDatabaseWrapper, *, apply: bool) -> int:
    """0 when all is well; what is wrong goes to standard error."""
    from django.db import transaction  # noqa: PLC0415 - after setup

    from deploy.citus.plan import layout, problems, statements  # noqa: PLC0415

    if wrong := problems(connection):
        print("The schema cannot be sharded by workspace:", *(f"- {one}" for one in wrong), sep="\n", file=sys.stderr)
        return 1
    plan, todo = layout(connection), statements(connection)
    print(f"-- {len(plan.distributed)} tables distributed by workspace")
    print(f"-- reference tables: {', '.join(plan.reference)}")
    print(f"-- on the coordinator only: {', '.join(plan.local)}")
    if not apply:
        print("BEGIN;", *(f"{one};" for one in todo), "COMMIT;", sep="\n")
        return 0
    if refusal := _not_ready(connection):
        print(refusal, file=sys.stderr)
        return 1
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'")
        for one in todo:
            cursor.execute(one)
    print(f"-- {len(todo)} statements run")
    return 0


def _not_ready(connection: BaseDatabaseWrapper) -> str:
    """Why nothing can be applied here; empty when it can."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_extension WHERE extname = 'citus'")
        if cursor.fetchone()[0] == 0:
            return "There is no extension citus in this database. Run CREATE EXTENSION citus on every node first."
        cursor.execute("SELECT count(*) FROM citus_tables WHERE citus_table_type = 'distributed'")
        if cursor.fetchone()[0]:
            return "Tables are distributed already. New ones: distribute them by the statement printed without --apply."
        cursor.execute("SHOW citus.propagate_set_commands")
        if cursor.fetchone()[0] != "local":
            return (
                "Nodes would not be told the workspace. Run, as superuser on the coordinator: "
                "ALTER DATABASE … SET citus.propagate_set_commands TO 'local', and connect again."
            )
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
