import { recordOf, type Policy } from "./policy.ts";
import type { KeyRecord } from "../records.ts";
import type { Passed } from "../../rollout/compare.ts";

/** Why a canary went back by itself, with the figures at that moment. Milliseconds since the epoch. */
export type Stop = Passed & { readonly at: number };

/**
 * A key's way from its baseline, stage by stage: each change of mode or baseline begins another, and each has figures of
 * its own, since arms that are shared out differently from one week to the next would compare the weeks.
 */
export type Stage = {
  readonly id: number;
  readonly keyId: string;
  /** As the policy writes it: `canary:10`. */
  readonly mode: string;
  readonly baseline: string | null;
  readonly beganAt: number;
  /** Null while it lasts. */
  readonly endedAt: number | null;
  /** Null unless it went back by itself. */
  readonly stop: Stop | null;
};

/** For how long a conversation may have been silent and still be on the side where it began. */
const conversationMs = 24 * 3_600_000;

type StageRow = Omit<Stage, "stop"> & { readonly stop: string | null };

const columns = "id, key_id AS keyId, mode, baseline, began_at AS beganAt, ended_at AS endedAt, stop";

const toStage = ({ stop, ...row }: StageRow): Stage => ({ ...row, stop: stop === null ? null : parseStop(stop) });

const parseStop = (json: string): Stop => {
  const stop: Stop = JSON.parse(json);
  return stop;
};

/** `keyId` null: of all keys. `before`: only stages of smaller ids; null: from the latest on. */
export type StageQuery = { readonly keyId: string | null; readonly before: number | null; readonly limit: number };

/** The latest first. */
export const listStages = (
  sql: SqlStorage,
  { keyId, before, limit }: StageQuery,
): readonly (Stage & { readonly keyName: string })[] =>
  sql
    .exec<StageRow & { readonly keyName: string }>(
      `SELECT rollout_stages.id, key_id AS keyId, mode, baseline, began_at AS beganAt, ended_at AS endedAt, stop,
         keys.name AS keyName
       FROM rollout_stages JOIN keys ON keys.id = key_id
       WHERE rollout_stages.id < ? ${keyId === null ? "" : "AND key_id = ?"} ORDER BY rollout_stages.id DESC LIMIT ?`,
      before ?? Number.MAX_SAFE_INTEGER,
      ...(keyId === null ? [] : [keyId]),
      limit,
    )
    .toArray()
    .map(({ keyName, ...row }) => ({ ...toStage(row), keyName }));

export const readStage = (sql: SqlStorage, id: number): Stage | null =>
  sql.exec<StageRow>(`SELECT ${columns} FROM rollout_stages WHERE id = ?`, id).toArray().map(toStage)[0] ?? null;

/**
 * The key's record with the stage that it is in. Where a canary went back by itself it is served by its baseline, and
 * counted no more: the figures stay those of the comparison.
 */
export const withStage = (sql: SqlStorage, record: KeyRecord, now: number): KeyRecord => {
  const stage = enterStage(sql, record, now);
  if (stage === null) return record;
  const { rollout } = record;
  if (stage.stop !== null) {
    return { ...record, rollout: { ...rollout, mode: "off", canaryPercent: 0 } };
  }
  const unsettled = rollout.mode === "canary" ? unsettledOf(sql, record.keyId, now) : null;
  return { ...record, rollout: { ...rollout, stage: stage.id, ...(unsettled && { unsettled }) } };
};

/** Keys whose canary went back by itself may be tried anew once their mode has been another: sees to those that are now. */
export const reviewStops = (sql: SqlStorage, tenant: Policy, now: number): void => {
  const stopped = sql
    .exec<{ id: string; name: string; policy: string }>(
      `SELECT id, name, policy FROM keys WHERE id IN
         (SELECT key_id FROM rollout_stages WHERE ended_at IS NULL AND stop IS NOT NULL)`,
    )
    .toArray();
  for (const { id, name, policy } of stopped) {
    const own: Policy = JSON.parse(policy);
    enterStage(sql, recordOf({ id, name, policy: own }, tenant), now);
  }
};

/** The stage that the key's mode and baseline are, begun now where they are new; null while it has never had a baseline. */
const enterStage = (
  sql: SqlStorage,
  { keyId, rollout }: Pick<KeyRecord, "keyId" | "rollout">,
  now: number,
): Stage | null => {
  const mode = rollout.mode === "canary" ? `canary:${rollout.canaryPercent}` : rollout.mode;
  const { baseline } = rollout;
  const [last] = sql
    .exec<StageRow>(`SELECT ${columns} FROM rollout_stages WHERE key_id = ? AND ended_at IS NULL`, keyId)
    .toArray()
    .map(toStage);
  if (last?.mode === mode && last.baseline === baseline) return last;
  if (!last && baseline === null) return null;
  sql.exec("UPDATE rollout_stages SET ended_at = ? WHERE key_id = ? AND ended_at IS NULL", now, keyId);
  const [made] = sql
    .exec<StageRow>(
      `INSERT INTO rollout_stages (key_id, mode, baseline, began_at) VALUES (?, ?, ?, ?) RETURNING ${columns}`,
      keyId,
      mode,
      baseline,
      now,
    )
    .toArray()
    .map(toStage);
  return made ?? null;
};

/** A key's successor goes on where the key is: what went back stays back. */
export const inheritStage = (sql: SqlStorage, from: string, to: string, now: number): void => {
  sql.exec(
    `INSERT INTO rollout_stages (key_id, mode, baseline, began_at, stop)
       SELECT ?, mode, baseline, ?, stop FROM rollout_stages WHERE key_id = ? AND ended_at IS NULL`,
    to,
    now,
    from,
  );
};

/** Isolates hear of it with the next lease that any of the tenant's keys gets, and at the latest in ten seconds. */
export const stopStage = (sql: SqlStorage, id: number, stop: Stop): void => {
  sql.exec("UPDATE version SET version = version + 1");
  sql.exec("UPDATE rollout_stages SET stop = ? WHERE id = ? AND stop IS NULL", JSON.stringify(stop), id);
};

/** What the conductor has had, in percent, of conversations that may still be going on. */
const unsettledOf = (sql: SqlStorage, keyId: string, now: number): KeyRecord["rollout"]["unsettled"] | null => {
  const recent = sql
    .exec<StageRow>(
      `SELECT ${columns} FROM rollout_stages WHERE key_id = ? AND (ended_at IS NULL OR ended_at > ?)`,
      keyId,
      now - conversationMs,
    )
    .toArray()
    .map(toStage);
  const percents = recent.flatMap(percentsOf);
  const [least, most] = [Math.min(...percents), Math.max(...percents)];
  return least < most ? { least, most } : null;
};

const percentsOf = ({ mode, stop }: Stage): readonly number[] => {
  if (mode === "on") return [100];
  const percent = mode.startsWith("canary:") ? Number(mode.slice("canary:".length)) : 0;
  return stop === null ? [percent] : [percent, 0];
};
