-- Rows are visible to the tenant that the transaction names, whoever owns the
-- tables; the role that appends is the exception and may do nothing else. The
-- setting holds ":" and the tenant, because PostgreSQL leaves it empty, not
-- unset, after the first transaction that set it.

DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'craton_tenant') THEN CREATE ROLE craton_tenant NOLOGIN; END IF; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;

DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'craton_append') THEN CREATE ROLE craton_append NOLOGIN; END IF; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;

DO $$ BEGIN IF NOT pg_has_role('craton_tenant', 'MEMBER') THEN EXECUTE format('GRANT craton_tenant TO %I', current_user); END IF; END $$;

DO $$ BEGIN IF NOT pg_has_role('craton_append', 'MEMBER') THEN EXECUTE format('GRANT craton_append TO %I', current_user); END IF; END $$;

DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO craton_tenant, craton_append', current_schema()); END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON documents, sessions, events, labels, payloads, session_facts, snapshots, deltas,
  usage_records, budgets, leases TO craton_tenant;
GRANT SELECT, INSERT, UPDATE ON sessions, session_facts TO craton_append;
GRANT SELECT, INSERT ON events, labels TO craton_append;
GRANT SELECT, INSERT, UPDATE, DELETE ON payloads, nodes TO craton_append;
GRANT SELECT, DELETE ON deltas TO craton_append;
GRANT SELECT, INSERT ON usage_records TO craton_append;

CREATE FUNCTION craton_sees(tenant TEXT) RETURNS BOOLEAN LANGUAGE SQL STABLE AS
  'SELECT ('':'' || tenant) = current_setting(''craton.tenant'', true)';

DO $$ DECLARE t TEXT; BEGIN FOREACH t IN ARRAY ARRAY['documents', 'sessions', 'events', 'labels', 'payloads', 'session_facts', 'snapshots', 'deltas', 'usage_records'] LOOP EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t); EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t); EXECUTE format('CREATE POLICY tenant ON %I USING (craton_sees(tenant))', t); END LOOP; END $$;

DO $$ DECLARE t TEXT; BEGIN FOREACH t IN ARRAY ARRAY['sessions', 'events', 'labels', 'payloads', 'session_facts', 'deltas', 'usage_records'] LOOP EXECUTE format('CREATE POLICY append ON %I USING (current_user = ''craton_append'')', t); END LOOP; END $$;
