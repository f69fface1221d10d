import { judge, type ArmFigures } from "../../rollout/compare.ts";
import {
  addForeseen,
  addRequest,
  addValues,
  changeScore,
  growConversation,
  noFigures,
  type Arm,
  type Conversation,
  type Figures,
  type Values,
} from "../../rollout/figures.ts";
import { dayOf } from "./daily.ts";
import { defaultBounds, type Policy, type RolloutBounds } from "./policy.ts";
import type { LateForecast, RolloutForecast, Settlement } from "../records.ts";
import { readStage, stopStage, type Stop } from "./rollout-stages.ts";

const dayMs = 24 * 3_600_000;
/** So long a request can be scored, and its conversation continued as the same. */
const keptMs = 30 * dayMs;

/** Of each arm; the stage as a whole is kept beside them. */
const daysKept = 90;

/** A stage as a whole, beside its days. */
const wholeStage = "";

type RequestRow = {
  readonly stage: number;
  readonly arm: Arm;
  readonly conversation: string;
  readonly at: number;
  readonly cost: number | null;
  readonly score: number | null;
};

/** Counts a settled request, once; true when it has been counted before, or is none of a rollout. */
const isCounted = (sql: SqlStorage, { requestId, at, rollout }: Settlement, cost: number | null): boolean => {
  if (!rollout) return true;
  const { rowsWritten } = sql.exec(
    `INSERT INTO rollout_requests (id, stage, arm, conversation, at, cost) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO NOTHING`,
    requestId,
    rollout.stage,
    rollout.arm,
    rollout.conversation,
    at,
    cost,
  );
  return rowsWritten === 0;
};

/** Adds a settled request to its arm; gives the stop of its stage if a bound is passed now, and the key has gone back. */
export const countSettled = (
  sql: SqlStorage,
  settlement: Settlement,
  tenant: Policy,
  now: number,
): (Stop & { readonly stage: number }) | null => {
  const { rollout, calls, status, worker, at } = settlement;
  const cost = calls.some((call) => call.cost === null) ? null : calls.reduce((sum, call) => sum + (call.cost ?? 0), 0);
  if (!rollout || isCounted(sql, settlement, cost)) return null;
  const { stage, arm, latencyMs, firstTokenMs, foreseen } = rollout;
  const values: Values = {
    ...(cost !== null && { cost }),
    ...(status !== "aborted" && { error: status === "failed" ? 1 : 0 }),
    ...(latencyMs !== null && { latency: latencyMs }),
    ...(firstTokenMs !== null && { first_token: firstTokenMs }),
  };
  const known = readConversation(sql, rollout);
  const observed = { isFirst: known === null, aborted: status === "aborted", worker, values };
  writeConversation(sql, rollout, growConversation(known ?? {}, values), at);
  change(sql, { stage, arm, at }, (figures) => {
    const added = addRequest(figures, known ?? {}, observed);
    return foreseen && cost !== null ? foresee(added, foreseen, cost) : added;
  });
  const stop = judgeStage(sql, stage, tenant, now);
  return stop && { ...stop, stage };
};

/** Adds what the conductor would have done, once, to the request that it was foreseen for. */
export const countForecast = (sql: SqlStorage, { requestId, foreseen }: LateForecast): void => {
  const [request] = sql
    .exec<RequestRow>(
      `UPDATE rollout_requests SET foreseen = 1 WHERE id = ? AND foreseen = 0
       RETURNING stage, arm, conversation, at, cost, score`,
      requestId,
    )
    .toArray();
  if (!request || request.cost === null) return;
  const { cost } = request;
  change(sql, request, (figures) => foresee(figures, foreseen, cost));
};

/** Adds a request's score, 0 to 1, in place of an earlier one; nothing where the request is none of a rollout. */
export const countScore = (sql: SqlStorage, requestId: string, score: number): void => {
  const [request] = sql
    .exec<RequestRow>("SELECT stage, arm, conversation, at, cost, score FROM rollout_requests WHERE id = ?", requestId)
    .toArray();
  if (!request) return;
  sql.exec("UPDATE rollout_requests SET score = ? WHERE id = ?", score, requestId);
  const known = readConversation(sql, request) ?? {};
  if (request.score === null) {
    writeConversation(sql, request, growConversation(known, { score }), request.at);
    change(sql, request, (figures) => addValues(figures, known, { score }));
    return;
  }
  const by = score - request.score;
  const { n, x } = known.score ?? { n: 0, x: 0 };
  writeConversation(sql, request, { ...known, score: { n, x: x + by } }, request.at);
  change(sql, request, (figures) => changeScore(figures, known, by));
};

/** A stage's arms; of one day, or of all of them. */
export const readFigures = (sql: SqlStorage, stage: number, day: string = wholeStage): ArmFigures => ({
  baseline: readArm(sql, { stage, arm: "baseline", day }) ?? noFigures,
  shoal: readArm(sql, { stage, arm: "shoal", day }) ?? noFigures,
});

/** The days on which a stage served something, from the first on. */
export const readDays = (sql: SqlStorage, stage: number): readonly string[] =>
  sql
    .exec<{ day: string }>(
      "SELECT DISTINCT day FROM rollout_figures WHERE stage = ? AND day <> ? ORDER BY day",
      stage,
      wholeStage,
    )
    .toArray()
    .map(({ day }) => day);

export const forgetRequests = (sql: SqlStorage, now: number): void => {
  sql.exec("DELETE FROM rollout_requests WHERE at <= ?", now - keptMs);
  sql.exec("DELETE FROM rollout_conversations WHERE at <= ?", now - keptMs);
};

const foresee = (figures: Figures, { worker, cost: other, most }: RolloutForecast, cost: number): Figures =>
  addForeseen(figures, { worker, cost, other, otherMost: most });

const judgeStage = (sql: SqlStorage, id: number, tenant: Policy, now: number): Stop | null => {
  const stage = readStage(sql, id);
  if (!stage || stage.stop !== null || stage.endedAt !== null || !stage.mode.startsWith("canary:")) return null;
  const passed = judge(readFigures(sql, id), boundsOf(sql, stage.keyId, tenant));
  if (!passed) return null;
  const stop = { ...passed, at: now };
  stopStage(sql, id, stop);
  return stop;
};

/** The key's own go before the tenant's. */
export const boundsOf = (sql: SqlStorage, keyId: string, tenant: Policy): RolloutBounds => {
  const [row] = sql.exec<{ policy: string }>("SELECT policy FROM keys WHERE id = ?", keyId).toArray();
  const own: Policy = row ? JSON.parse(row.policy) : {};
  const bound = (name: keyof RolloutBounds): number =>
    own.rollout_bounds?.[name] ?? tenant.rollout_bounds?.[name] ?? defaultBounds[name];
  return {
    max_cost_ratio: bound("max_cost_ratio"),
    max_error_rate_delta: bound("max_error_rate_delta"),
    max_latency_ratio: bound("max_latency_ratio"),
    min_requests: bound("min_requests"),
  };
};

type Place = { readonly stage: number; readonly arm: Arm; readonly day: string };

/** Changes the arm's figures of the day, and of the stage as a whole. */
const change = (
  sql: SqlStorage,
  { stage, arm, at }: Pick<RequestRow, "stage" | "arm" | "at">,
  by: (figures: Figures) => Figures,
): void => {
  for (const day of [wholeStage, dayOf(at)]) {
    const known = readArm(sql, { stage, arm, day });
    if (known === null) forgetDays(sql, { stage, arm, day: dayOf(at - daysKept * dayMs) });
    sql.exec(
      "INSERT OR REPLACE INTO rollout_figures (stage, arm, day, figures) VALUES (?, ?, ?, ?)",
      stage,
      arm,
      day,
      JSON.stringify(by(known ?? noFigures)),
    );
  }
};

const forgetDays = (sql: SqlStorage, { stage, arm, day }: Place): void => {
  sql.exec(
    "DELETE FROM rollout_figures WHERE stage = ? AND arm = ? AND day > ? AND day <= ?",
    stage,
    arm,
    wholeStage,
    day,
  );
};

const readArm = (sql: SqlStorage, { stage, arm, day }: Place): Figures | null => {
  const [row] = sql
    .exec<{ figures: string }>(
      "SELECT figures FROM rollout_figures WHERE stage = ? AND arm = ? AND day = ?",
      stage,
      arm,
      day,
    )
    .toArray();
  if (!row) return null;
  const figures: Figures = JSON.parse(row.figures);
  return figures;
};

type Named = Pick<RequestRow, "stage" | "arm" | "conversation">;

const readConversation = (sql: SqlStorage, { stage, arm, conversation }: Named): Conversation | null => {
  const [row] = sql
    .exec<{ sums: string }>(
      "SELECT sums FROM rollout_conversations WHERE stage = ? AND arm = ? AND conversation = ?",
      stage,
      arm,
      conversation,
    )
    .toArray();
  if (!row) return null;
  const sums: Conversation = JSON.parse(row.sums);
  return sums;
};

const writeConversation = (
  sql: SqlStorage,
  { stage, arm, conversation }: Named,
  sums: Conversation,
  at: number,
): void => {
  sql.exec(
    "INSERT OR REPLACE INTO rollout_conversations (stage, arm, conversation, at, sums) VALUES (?, ?, ?, ?, ?)",
    stage,
    arm,
    conversation,
    at,
    JSON.stringify(sums),
  );
};
