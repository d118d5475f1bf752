"""What the database's own catalogue says about tenancy: the list of violations must be empty."""

from django.db.backends.base.base import BaseDatabaseWrapper

# The tables without row-level security: few, and named. Everything else belongs to a tenant.
PLATFORM_TABLES = frozenset(
    {
        "tenancy_tenant",
        "tenancy_user",
        "tenancy_role",
        "tenancy_apikey",
        "tenancy_wakeup",
        "django_migrations",
        "django_content_type",
        "django_session",
        "auth_permission",
        "auth_group",
        "auth_group_permissions",
        "axes_accessattempt",
        "axes_accessattemptexpiration",
        "axes_accessfailurelog",
        "axes_accesslog",
    }
)

_TABLES = """
SELECT c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname
"""

_POLICIES = """
SELECT polrelid, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), polcmd, polroles
FROM pg_policy
"""

# A key or reference leads with the tenant when tenant_id is among its columns.
_KEYS = """
SELECT c.relname, i.relname,
       EXISTS (SELECT FROM pg_attribute a
               WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnum = ANY (x.indkey))
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indisunique AND c.relnamespace = 'public'::regnamespace
"""

_REFERENCES = """
SELECT c.relname, k.conname, t.relname,
       EXISTS (SELECT FROM pg_attribute a
               WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnum = ANY (k.conkey))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace
"""

_VIEWS = "SELECT viewname FROM pg_views WHERE schemaname = 'public' UNION SELECT matviewname FROM pg_matviews"

_TRIGGERS = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
"""

_CONDITION = "(tenant_id = app.tenant_id())"


def violations(connection: BaseDatabaseWrapper) -> list[str]:
    """Every table, key, reference, view or trigger that would let one tenant reach another; one sentence each."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        tables = cursor.fetchall()
        cursor.execute(_POLICIES)
        policies: dict[int, list[tuple[str, str, str]]] = {}
        for relation, using, check, command, _roles in cursor.fetchall():
            policies.setdefault(relation, []).append((using, check, command))
        cursor.execute(_KEYS)
        keys = cursor.fetchall()
        cursor.execute(_REFERENCES)
        references = cursor.fetchall()
        cursor.execute(_VIEWS)
        views = cursor.fetchall()
        cursor.execute(_TRIGGERS)
        triggers = cursor.fetchall()

    found = []
    for oid, name, enabled, forced, _is_partition, has_tenant in tables:
        if name in PLATFORM_TABLES:
            continue
        if not has_tenant:
            found.append(f"{name} is no platform table and has no tenant_id NOT NULL.")
        if not (enabled and forced):
            found.append(f"{name} lacks forced row-level security.")
        if policies.get(oid) != [(_CONDITION, _CONDITION, "*")]:
            found.append(f"{name} must have exactly one policy: {_CONDITION} for USING and WITH CHECK.")
    found += [
        f"{table}: the unique index {index} lacks tenant_id."
        for table, index, has_tenant in keys
        if table not in PLATFORM_TABLES and not has_tenant
    ]
    found += [
        f"{table}: the foreign key {name} to {target} lacks tenant_id."
        for table, name, target, has_tenant in references
        if table not in PLATFORM_TABLES and target not in PLATFORM_TABLES and not has_tenant
    ]
    found += [f"The view {name} could bypass row-level security." for (name,) in views if not name.startswith("pg_")]
    found += [f"{table} has the trigger {name}: none is allowed on tenant tables." for table, name in triggers]
    return found


def role_problems(connection: BaseDatabaseWrapper) -> list[str]:
    """Why the connected role could get past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        superuser, bypasses = cursor.fetchone()
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND pg_get_userbyid(relowner) = current_user"
        )
        (owned,) = cursor.fetchone()
    problems = []
    if superuser:
        problems.append("DATABASE_URL connects as a superuser, whom row-level security does not bind.")
    if bypasses:
        problems.append("DATABASE_URL connects as a role with BYPASSRLS.")
    if owned:
        problems.append(f"DATABASE_URL connects as the owner of {owned} tables; use the application role.")
    return problems


# Functions behind the operators of hot queries. Row-level security keeps their indexes unused until they are leakproof.
LEAKPROOF_FUNCTIONS = (
    "texticlike(text, text)",
    "textlike(text, text)",
    "jsonb_contains(jsonb, jsonb)",
    "arraycontains(anyarray, anyarray)",
    "arrayoverlap(anyarray, anyarray)",
    "numeric_ge(numeric, numeric)",
    "numeric_le(numeric, numeric)",
    "numeric_gt(numeric, numeric)",
    "numeric_lt(numeric, numeric)",
    "numeric_eq(numeric, numeric)",
)


def leaky_functions(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s) name JOIN pg_proc p ON p.oid = to_regprocedure(name) WHERE NOT p.proleakproof",
            [list(LEAKPROOF_FUNCTIONS)],
        )
        return [name for (name,) in cursor.fetchall()]
