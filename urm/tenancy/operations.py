"""The one migration operation that puts a model's table under tenancy."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from urm.tenancy.models import TenantForeignKey, TenantOneToOneField

CREATE_TENANT_FUNCTION = """
CREATE SCHEMA IF NOT EXISTS app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
-- Raises when no tenant is set: current_setting() where it never was, the cast of '' where it no longer is.
-- Not in SQL: such a function is unfolded anew for every table of every statement that is planned.
CREATE OR REPLACE FUNCTION app.tenant_id() RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1
    AS $$ BEGIN RETURN current_setting('app.tenant_id')::bigint; END $$;
"""


def enable_row_level_security(table: str) -> str:
    """SQL that lets nobody, the owner included, see or write rows of a tenant other than the current one."""
    return (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; "
        f"DROP POLICY IF EXISTS tenant ON {table}; "
        f"CREATE POLICY tenant ON {table} USING (tenant_id = app.tenant_id()) "
        "WITH CHECK (tenant_id = app.tenant_id());"
    )


class EnforceTenancy(Operation):
    """Composite primary key, composite foreign keys and forced row-level security for one TenantModel.

    Put it after CreateModel and again after every AddField of a TenantForeignKey; what is there already stays.
    `append_only` takes UPDATE and DELETE from the application role. Nothing has to be undone: reversing the
    CreateModel or AddField before it drops the table or column with all that hangs on it.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, *, append_only: bool = False) -> None:
        self.model_name = model_name
        self.append_only = append_only

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model_name], {"append_only": True} if self.append_only else {}

    def describe(self) -> str:
        return f"Put {self.model_name} under tenancy"

    @property
    def migration_name_fragment(self) -> str:
        return f"{self.model_name.lower()}_tenancy"

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing that Django's state knows of changes."""

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """See the class: the operation before this one takes it all along."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        references = {
            f"{table}_{field.column}_tenant": (field.column, field.remote_field.model._meta.db_table)
            for field in model._meta.local_fields
            if isinstance(field, TenantForeignKey | TenantOneToOneField)
        }
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass", [table])
            present = {name for (name,) in cursor.fetchall()}
        missing = {name: reference for name, reference in references.items() if name not in present}
        if f"{table}_pkey_tenant" not in present and model._meta.pk is not None:
            schema_editor.execute(
                f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_pkey, "
                f"ADD CONSTRAINT {table}_pkey_tenant PRIMARY KEY (tenant_id, {model._meta.pk.column})"
            )
        # A foreign key added under FORCE is checked by an owner who sees no rows, and may be marked valid over
        # violating ones: lift FORCE from both sides, in this one transaction.
        tables = sorted({table, *(target for _column, target in missing.values())})
        for name in tables:
            schema_editor.execute(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
        for name, (column, target) in missing.items():
            schema_editor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column}) "
                f"REFERENCES {target} (tenant_id, id)"
            )
        for name in tables:
            schema_editor.execute(enable_row_level_security(name))
        if self.append_only:
            schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {application_role()}")


def application_role() -> str:
    """The name of the role that the platform works as, quoted."""
    from django.db import connections  # noqa: PLC0415 - settings are not ready when migrations are imported

    connection = connections["default"]
    return connection.ops.quote_name(connection.settings_dict["USER"])
