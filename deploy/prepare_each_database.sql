-- The part of prepare_database.sql that belongs into each database. It may be run alone, by a superuser, in a database
-- that was restored or made from another template.
SET client_min_messages = notice;
SET search_path = public;

DO $$
DECLARE extension text;
BEGIN
  -- Similarity search, mixed GIN indexes, e-mail addresses without case, and the statistics that operators look at.
  FOREACH extension IN ARRAY ARRAY['pg_trgm', 'btree_gin', 'citext', 'pg_stat_statements'] LOOP
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = extension) THEN
      BEGIN
        EXECUTE format('CREATE EXTENSION %I', extension);
      EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
        RAISE NOTICE 'extension % was left out: %', extension, SQLERRM;
      END;
    END IF;
  END LOOP;
END $$;

-- What the owner makes, the application may use, but not define.
ALTER DEFAULT PRIVILEGES FOR ROLE urm_owner GRANT USAGE ON SCHEMAS TO urm_app;
ALTER DEFAULT PRIVILEGES FOR ROLE urm_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO urm_app;
ALTER DEFAULT PRIVILEGES FOR ROLE urm_owner GRANT USAGE, SELECT ON SEQUENCES TO urm_app;
ALTER DEFAULT PRIVILEGES FOR ROLE urm_owner GRANT EXECUTE ON FUNCTIONS TO urm_app;
GRANT USAGE ON SCHEMA public TO urm_app;

-- Under row-level security an index serves only operators whose function is LEAKPROOF, lest an error message tell of a
-- row that the policy hides. For these types PostgreSQL is merely cautious: the functions below show nothing of a row
-- but their result, except in errors about malformed patterns, which the caller wrote. Without the marks the same
-- queries read every row of the table (80 to 2,000 times slower).
DO $$
DECLARE marked regprocedure;
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RAISE NOTICE 'LEAKPROOF marks were left out (they need a superuser): searches in %, will be slow', current_database();
    RETURN;
  END IF;
  FOR marked IN
    WITH wanted(operator, type) AS (
      SELECT operator, type
        FROM (VALUES
          ('jsonb', ARRAY['=', '<>', '<', '<=', '>', '>=', '@>', '<@', '?', '?|', '?&', '->', '->>', '#>', '#>>',
                          '@?', '@@']),
          ('anyarray', ARRAY['=', '<>', '<', '<=', '>', '>=', '&&', '@>', '<@']),
          ('numeric', ARRAY['=', '<>', '<', '<=', '>', '>=']),
          ('text', ARRAY['=', '<>', '<', '<=', '>', '>=', '~~', '!~~', '~~*', '!~~*', '~', '!~', '~*', '!~*', '^@',
                         '%', '<%', '%>', '<<%', '%>>']),
          ('citext', ARRAY['=', '<>', '<', '<=', '>', '>=', '~~', '!~~', '~~*', '!~~*'])
        ) AS families(type, operators), unnest(operators) AS operator
    )
    SELECT p.oid::regprocedure
      FROM wanted
      JOIN pg_operator o ON o.oprname = wanted.operator AND o.oprleft = to_regtype(wanted.type)
      JOIN pg_proc p ON p.oid = o.oprcode
     WHERE NOT p.proleakproof
    UNION
    -- Expressions in indexes and the casts between number types that comparisons bring with them.
    SELECT p.oid::regprocedure
      FROM unnest(ARRAY['lower(text)', 'upper(text)', 'numeric(integer)', 'numeric(bigint)', 'numeric(smallint)',
                        'array_length(anyarray,integer)', 'cardinality(anyarray)', 'lower(citext)',
                        'texticlike(citext,text)', 'similarity(text,text)', 'date(timestamptz)']) AS signature
      JOIN pg_proc p ON p.oid = to_regprocedure(signature)
     WHERE NOT p.proleakproof
  LOOP
    EXECUTE format('ALTER FUNCTION %s LEAKPROOF', marked);
  END LOOP;
END $$;
RESET search_path;
