import { ownMeansSchema } from "./own-means.ts";

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
  `DROP TABLE leases;
   CREATE TABLE leases (id TEXT PRIMARY KEY, key_id TEXT NOT NULL, requests INTEGER, slots INTEGER, tokens INTEGER,
     amount INTEGER, expires_at INTEGER NOT NULL);
   CREATE INDEX leases_expiry ON leases (expires_at);
   ALTER TABLE reservations ADD COLUMN slots INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE reservations ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
   UPDATE reservations SET slots = 1 WHERE part = 0;
   UPDATE reservations SET expires_at =
     (SELECT max(part.expires_at) FROM reservations AS part WHERE part.request_id = reservations.request_id);
   CREATE INDEX reservations_expiry ON reservations (expires_at);
   CREATE TABLE accounts (holder TEXT PRIMARY KEY, held INTEGER NOT NULL, slots INTEGER NOT NULL, requests REAL NOT NULL,
     tokens REAL NOT NULL, dollars REAL NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
   INSERT INTO accounts SELECT key_id, sum(amount), sum(slots), 0, 0, 0, 0 FROM reservations GROUP BY key_id;
   INSERT INTO accounts SELECT '', coalesce(sum(amount), 0), coalesce(sum(slots), 0), 0, 0, 0, 0 FROM reservations;
   CREATE TABLE spending (holder TEXT NOT NULL, day TEXT NOT NULL, cost INTEGER NOT NULL, PRIMARY KEY (holder, day))
     WITHOUT ROWID;
   INSERT INTO spending SELECT key_id, day, sum(cost) FROM daily GROUP BY key_id, day;
   INSERT INTO spending SELECT '', day, sum(cost) FROM daily GROUP BY day;
   DROP TABLE spent;
   CREATE TABLE alarms (holder TEXT NOT NULL, limit_name TEXT NOT NULL, period TEXT NOT NULL, at INTEGER NOT NULL,
     spent INTEGER NOT NULL, allowed INTEGER NOT NULL, PRIMARY KEY (holder, limit_name, period));
   CREATE INDEX alarms_at ON alarms (at);
   CREATE TABLE version (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
   INSERT INTO version VALUES (1, 1);
   CREATE TRIGGER keys_changed AFTER UPDATE OF name, expires_at, revoked_at, policy ON keys
     BEGIN UPDATE version SET version = version + 1; END;
   CREATE TRIGGER policy_made AFTER INSERT ON policy BEGIN UPDATE version SET version = version + 1; END;
   CREATE TRIGGER policy_changed AFTER UPDATE ON policy BEGIN UPDATE version SET version = version + 1; END;
   CREATE TRIGGER standing_made AFTER INSERT ON standing BEGIN UPDATE version SET version = version + 1; END;
   CREATE TRIGGER standing_changed AFTER UPDATE ON standing BEGIN UPDATE version SET version = version + 1; END;`,
  `${ownMeansSchema}
   CREATE TRIGGER vendor_keys_made AFTER INSERT ON vendor_keys BEGIN UPDATE version SET version = version + 1; END;
   CREATE TRIGGER vendor_keys_changed AFTER UPDATE ON vendor_keys BEGIN UPDATE version SET version = version + 1; END;
   CREATE TRIGGER vendor_keys_gone AFTER DELETE ON vendor_keys BEGIN UPDATE version SET version = version + 1; END;
   CREATE TRIGGER own_workers_made AFTER INSERT ON own_workers BEGIN UPDATE version SET version = version + 1; END;
   CREATE TRIGGER own_workers_gone AFTER DELETE ON own_workers BEGIN UPDATE version SET version = version + 1; END;`,
];
