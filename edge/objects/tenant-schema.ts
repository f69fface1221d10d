/** The tables of a tenant's object, by version: a step is never changed once it has been deployed. Amounts in micro-dollars. */
export const tenantSchema: readonly string[] = [
  `CREATE TABLE keys (id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, created_at INTEGER NOT NULL,
     expires_at INTEGER, revoked_at INTEGER, allowed_workers TEXT, preference TEXT, output_cap INTEGER);
   CREATE TABLE budget (id INTEGER PRIMARY KEY CHECK (id = 1), monthly INTEGER NOT NULL);
   CREATE TABLE leases (id TEXT PRIMARY KEY, remaining INTEGER NOT NULL, expires_at INTEGER NOT NULL);
   CREATE TABLE reservations (request_id TEXT NOT NULL, part INTEGER NOT NULL, key_id TEXT NOT NULL,
     amount INTEGER NOT NULL, opened_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, model TEXT NOT NULL,
     worker TEXT NOT NULL, PRIMARY KEY (request_id, part));
   CREATE TABLE ledger (request_id TEXT PRIMARY KEY, key_id TEXT NOT NULL, at INTEGER NOT NULL, model TEXT NOT NULL,
     worker TEXT, status TEXT NOT NULL, input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
     cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
     cost INTEGER NOT NULL, usage_source TEXT NOT NULL);
   CREATE INDEX ledger_at ON ledger (at);
   CREATE TABLE spent (month TEXT PRIMARY KEY, cost INTEGER NOT NULL);
   CREATE TABLE daily (day TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL, worker TEXT NOT NULL,
     calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
     PRIMARY KEY (day, key_id, model, worker));
   CREATE TABLE affinity (key TEXT PRIMARY KEY, worker TEXT NOT NULL, at INTEGER NOT NULL);
   CREATE INDEX affinity_at ON affinity (at);`,
  `CREATE TABLE policy (id INTEGER PRIMARY KEY CHECK (id = 1), policy TEXT NOT NULL);
   INSERT INTO policy (id, policy)
     SELECT 1, json_object('limits', json_object('usd_per_month', monthly / 1000000.0)) FROM budget;
   DROP TABLE budget;
   ALTER TABLE keys ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
   UPDATE keys SET policy = json_patch('{}', json_object('allowed_workers', json(allowed_workers),
     'preference', preference, 'max_output_tokens', output_cap));
   ALTER TABLE keys DROP COLUMN allowed_workers;
   ALTER TABLE keys DROP COLUMN preference;
   ALTER TABLE keys DROP COLUMN output_cap;`,
  `ALTER TABLE daily ADD COLUMN requests INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE daily ADD COLUMN cached_input_tokens INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE daily ADD COLUMN cache_write_tokens INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE daily ADD COLUMN reasoning_tokens INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE daily_all (day TEXT NOT NULL, model TEXT NOT NULL, worker TEXT NOT NULL, requests INTEGER NOT NULL,
     calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL, cached_input_tokens INTEGER NOT NULL,
     cache_write_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
     cost INTEGER NOT NULL, PRIMARY KEY (day, model, worker));
   INSERT INTO daily_all (day, model, worker, requests, calls, input_tokens, cached_input_tokens, cache_write_tokens,
       output_tokens, reasoning_tokens, cost)
     SELECT day, model, worker, 0, sum(calls), sum(input_tokens), 0, 0, sum(output_tokens), 0, sum(cost) FROM daily
     GROUP BY day, model, worker;
   ALTER TABLE ledger ADD COLUMN calls TEXT NOT NULL DEFAULT '[]';
   CREATE TABLE standing (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL, since INTEGER NOT NULL);`,
  "CREATE TABLE cache (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL)",
  `CREATE TABLE rollout_stages (id INTEGER PRIMARY KEY AUTOINCREMENT, key_id TEXT NOT NULL, mode TEXT NOT NULL,
     baseline TEXT, began_at INTEGER NOT NULL, ended_at INTEGER, stop TEXT);
   CREATE INDEX rollout_stages_key ON rollout_stages (key_id);
   CREATE TABLE rollout_figures (stage INTEGER NOT NULL, arm TEXT NOT NULL, day TEXT NOT NULL, figures TEXT NOT NULL,
     PRIMARY KEY (stage, arm, day)) WITHOUT ROWID;
   CREATE TABLE rollout_requests (id TEXT PRIMARY KEY, stage INTEGER NOT NULL, arm TEXT NOT NULL,
     conversation TEXT NOT NULL, at INTEGER NOT NULL, cost INTEGER, score REAL, foreseen INTEGER NOT NULL DEFAULT 0)
     WITHOUT ROWID;
   CREATE INDEX rollout_requests_at ON rollout_requests (at);
   CREATE TABLE rollout_conversations (stage INTEGER NOT NULL, arm TEXT NOT NULL, conversation TEXT NOT NULL,
     at INTEGER NOT NULL, sums TEXT NOT NULL, PRIMARY KEY (stage, arm, conversation)) WITHOUT ROWID;
   CREATE INDEX rollout_conversations_at ON rollout_conversations (at);
   ALTER TABLE affinity ADD COLUMN arm TEXT;`,
  "CREATE TABLE bias (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, bias TEXT NOT NULL)",
];
