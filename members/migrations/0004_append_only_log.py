"""The application adds to the log and, to erase a person, blanks properties; it changes and deletes nothing else."""

from django.db import migrations

from urm.tenancy.operations import application_role


def protect(role: str) -> str:
    return f"""
    REVOKE UPDATE, DELETE, TRUNCATE ON members_event FROM {role};
    GRANT UPDATE (properties) ON members_event TO {role};

    -- Partitions are reached through their parent only.
    CREATE OR REPLACE FUNCTION app.guard_event_partition(name text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('DROP POLICY IF EXISTS tenant ON %I', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (tenant_id = app.tenant_id()) '
                       'WITH CHECK (tenant_id = app.tenant_id())', name);
        EXECUTE format('REVOKE ALL ON %I FROM {role}', name);
    END $$;
    SELECT app.guard_event_partition(inhrelid::regclass::text)
    FROM pg_inherits WHERE inhparent = 'members_event'::regclass;
    """


def release(role: str) -> str:
    return f"""
    GRANT UPDATE, DELETE ON members_event TO {role};
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'members_event'::regclass LOOP
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO {role}', name);
        END LOOP;
    END $$;
    """


class Migration(migrations.Migration):
    dependencies = [("members", "0003_log")]

    operations = [migrations.RunSQL(protect(application_role()), release(application_role()))]
