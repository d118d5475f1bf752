-- Prepares a PostgreSQL server (15 to 18) for URM. Run once by its superuser; running it again changes nothing:
--
--   URM_OWNER_PASSWORD=… URM_APP_PASSWORD=… psql -X -h HOST -U postgres -d postgres -f deploy/prepare_database.sql
--
-- Two roles: urm_owner owns every table and runs migrations; urm_app is what web and workers use. Neither may pass by
-- row-level security (urm_app is not even the owner), so the database itself keeps workspaces apart.
-- On a managed server without superuser it goes as far as it may and says what was left out.
\set ON_ERROR_STOP on
\getenv owner_password URM_OWNER_PASSWORD
\getenv app_password URM_APP_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', name)
  FROM unnest(ARRAY['urm_owner', 'urm_app']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- CREATEDB is for the test databases; take it away in production if you like: ALTER ROLE urm_owner NOCREATEDB;
ALTER ROLE urm_owner PASSWORD :'owner_password' CREATEDB;
ALTER ROLE urm_app PASSWORD :'app_password';
-- A role that was there before may have more rights than it should. Only a superuser may even name these two.
SELECT format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEROLE', name)
  FROM unnest(ARRAY['urm_owner', 'urm_app']) AS name
 WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec
-- One who is no superuser must be a member of the owner to hand a database over.
SELECT format('GRANT urm_owner TO %I', current_user)
 WHERE NOT pg_has_role(current_user, 'urm_owner', 'MEMBER') \gexec

SELECT 'CREATE DATABASE urm OWNER urm_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'urm') \gexec

-- template1 too: databases made from it later (tests, benchmarks) are made by urm_owner, who could not do this.
\connect template1
\ir prepare_each_database.sql
\connect urm
\ir prepare_each_database.sql
