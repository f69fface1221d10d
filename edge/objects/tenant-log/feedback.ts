import { toLoggedAnswer, type LoggedAnswer } from "../../../shared/doubly-robust.ts";
import type { ShoalError } from "../../../shared/errors.ts";
import { estimateBias, residualOf, type ScoreGroup } from "../../../shared/feedback.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import type { Trace } from "../../account/trace.ts";
import type { RevisedBias } from "../tenant/bias.ts";
import { dayOf } from "../tenant/daily.ts";
import { keptMs } from "../expiry.ts";
import { answerersOf, lessonOf, scoredAnswerOf, type Lesson, type ScoredAnswer } from "./scored-answer.ts";
import { selectNumber } from "../select-number.ts";

/**
 * Scores by answer and by the key that gave them, and how the answers were decided, which outlives their traces.
 * `about`: the worker whose own part is scored; empty: the whole answer. `worker`, `quality` and `residual` are null
 * where the score teaches nothing of a single worker. A score that is given anew takes a new `seq`.
 */
export const feedbackSchema = `CREATE TABLE scored_answers (id TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE feedback (seq INTEGER PRIMARY KEY AUTOINCREMENT, answer TEXT NOT NULL, key_id TEXT NOT NULL,
     about TEXT NOT NULL, at INTEGER NOT NULL, day TEXT NOT NULL, score REAL NOT NULL, worker TEXT, type TEXT,
     weights TEXT, quality REAL, residual REAL, UNIQUE (answer, key_id, about));
   CREATE INDEX feedback_at ON feedback (at);
   CREATE INDEX feedback_key ON feedback (key_id);
   CREATE TABLE feedback_writes (key_id TEXT NOT NULL, day TEXT NOT NULL, writes INTEGER NOT NULL,
     PRIMARY KEY (key_id, day)) WITHOUT ROWID;
   CREATE INDEX feedback_worker ON feedback (worker, type, key_id, day, weights, residual) WHERE residual IS NOT NULL;`;

const dayMs = 24 * 3_600_000;
/** So many of the newest scores count: half of them at most of one key, which so crowds out no other. */
const maxScores = 20_000;
const maxScoresOfKey = 10_000;
/** Changed ones included. */
const maxScoresOfKeyPerDay = 1_000;

export type NewScore = {
  /** The request's id. */
  readonly answer: string;
  readonly keyId: string;
  /** 0 to 1. */
  readonly score: number;
  /** Whose own part of the answer is scored; null: the whole. */
  readonly about: string | null;
};

export type KeptScore = { readonly worker: string; readonly lesson: Lesson; readonly revised: RevisedBias };

/**
 * Keeps a score in place of the one that the key gave before, and gives the tenant's biases as they are then. Fails when
 * the answer has no trace any more, when there was no answer, when the worker had no part in it, or when the key has
 * scored enough for one day.
 */
export const keepScore = (sql: SqlStorage, asked: NewScore, now: number): Result<KeptScore, ShoalError> => {
  const trace = findTrace(sql, asked.answer);
  if (!trace) return err({ kind: "not_found", message: "there is no such answer, or its trace has expired" });
  const answer = scoredAnswerOf(trace);
  if (!answer.ok) return err({ kind: "invalid_request", param: "request_id", message: answer.error });
  const { worker, direct } = answer.value;
  // Who answered alone has no part of its own beside the whole.
  const given = direct && asked.about === worker ? { ...asked, about: null } : asked;
  const { about } = given;
  if (about !== null && !answerersOf(trace).includes(about)) {
    const message = `'${about.slice(0, 128)}' gave no answer of its own to this request`;
    return err({ kind: "invalid_request", param: "worker", message });
  }
  const day = dayOf(now);
  if (countOfDay(sql, given.keyId, day) >= maxScoresOfKeyPerDay) {
    return err({
      kind: "rate_limited",
      limit: `${maxScoresOfKeyPerDay} scores per key and day`,
      retryAfterSeconds: Math.ceil((dayMs - (now % dayMs)) / 1000),
    });
  }
  const lesson = lessonOf(answer.value, about);
  keepAnswer(sql, answer.value);
  const revision = writeScore(sql, { given, lesson, type: answer.value.taskType, day }, now);
  forgetOld(sql, revision, now);
  return ok({ worker, lesson, revised: { revision, bias: findBias(sql, day) } });
};

/** Counts up with every score. */
export const readRevision = (sql: SqlStorage): number => selectNumber(sql, "SELECT max(seq) AS n FROM feedback") ?? 0;

/** Every scored answer that was drawn for, with its mean score: an answer of one worker that nobody stood in for. */
export const readLogged = (sql: SqlStorage): readonly LoggedAnswer[] => {
  const logged: LoggedAnswer[] = [];
  for (const { answer, score } of selectScored(sql)) {
    const made = toLoggedAnswer(answer, score);
    if (made) logged.push(made);
  }
  return logged;
};

export type ExportedAnswer = ScoredAnswer & { readonly scores: readonly ExportedScore[] };
export type ExportedScore = {
  readonly keyId: string;
  readonly about: string | null;
  readonly at: number;
  readonly score: number;
};

/** Scored answers by id, after the one named. */
export const listScored = (
  sql: SqlStorage,
  { after, limit }: { readonly after: string; readonly limit: number },
): readonly ExportedAnswer[] =>
  sql
    .exec<{ answer: string; scores: string }>(
      `SELECT a.answer, json_group_array(json_object('keyId', f.key_id, 'about', nullif(f.about, ''), 'at', f.at,
         'score', f.score)) AS scores
       FROM scored_answers a JOIN feedback f ON f.answer = a.id WHERE a.id > ? GROUP BY a.id ORDER BY a.id LIMIT ?`,
      after,
      limit,
    )
    .toArray()
    .map(({ answer, scores }) => {
      const given: readonly ExportedScore[] = JSON.parse(scores);
      return { ...parseAnswer(answer), scores: given };
    });

function* selectScored(sql: SqlStorage) {
  const rows = sql.exec<{ answer: string; score: number }>(
    `SELECT a.answer, avg(f.score) AS score FROM scored_answers a JOIN feedback f ON f.answer = a.id
     WHERE f.about = '' GROUP BY a.id`,
  );
  for (const { answer, score } of rows) yield { answer: parseAnswer(answer), score };
}

const findTrace = (sql: SqlStorage, id: string): Trace | null => {
  const [row] = sql.exec<{ trace: string }>("SELECT trace FROM traces WHERE id = ?", id).toArray();
  if (!row) return null;
  const trace: Trace = JSON.parse(row.trace);
  return trace;
};

const parseAnswer = (json: string): ScoredAnswer => {
  const answer: ScoredAnswer = JSON.parse(json);
  return answer;
};

const countOfDay = (sql: SqlStorage, keyId: string, day: string): number =>
  selectNumber(sql, "SELECT writes AS n FROM feedback_writes WHERE key_id = ? AND day = ?", keyId, day) ?? 0;

const keepAnswer = (sql: SqlStorage, answer: ScoredAnswer): void => {
  sql.exec(
    "INSERT INTO scored_answers (id, answer) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
    answer.id,
    JSON.stringify(answer),
  );
};

type Row = {
  readonly given: NewScore;
  readonly lesson: Lesson;
  readonly type: string | null;
  readonly day: string;
};

const writeScore = (sql: SqlStorage, { given, lesson, type, day }: Row, now: number): number => {
  const { answer, keyId, score, about } = given;
  const learned = "worker" in lesson ? lesson : null;
  const residual =
    learned &&
    residualOf({ score, quality: learned.quality }, countOthers(sql, { keyId, worker: learned.worker, answer }));
  sql.exec(
    `INSERT OR REPLACE INTO feedback (answer, key_id, about, at, day, score, worker, type, weights, quality, residual)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    answer,
    keyId,
    about ?? "",
    now,
    day,
    score,
    learned?.worker ?? null,
    type,
    learned?.weights ?? null,
    learned?.quality ?? null,
    residual,
  );
  sql.exec(
    `INSERT INTO feedback_writes (key_id, day, writes) VALUES (?, ?, 1)
     ON CONFLICT (key_id, day) DO UPDATE SET writes = writes + 1`,
    keyId,
    day,
  );
  return readRevision(sql);
};

/** How the key's scores of other workers differ from what was foreseen. */
const countOthers = (sql: SqlStorage, about: { keyId: string; worker: string; answer: string }) => {
  const [row] = sql
    .exec<{ count: number; sum: number }>(
      `SELECT count(*) AS count, coalesce(sum(score - quality), 0) AS sum FROM feedback
       WHERE key_id = ? AND worker <> ? AND answer <> ? AND quality IS NOT NULL`,
      about.keyId,
      about.worker,
      about.answer,
    )
    .toArray();
  return row ?? { count: 0, sum: 0 };
};

const findBias = (sql: SqlStorage, day: string): RevisedBias["bias"] => {
  const groups = sql
    .exec<ScoreGroup>(
      `SELECT worker, type, key_id AS key, day, weights, count(*) AS count, sum(residual) AS sum FROM feedback
       WHERE residual IS NOT NULL GROUP BY worker, type, key_id, day, weights`,
    )
    .toArray();
  const [newest] = sql
    .exec<{ weights: string }>("SELECT weights FROM feedback WHERE residual IS NOT NULL ORDER BY seq DESC LIMIT 1")
    .toArray();
  return estimateBias(groups, { day, weights: newest?.weights ?? "" });
};

/** What is too much is looked for now and then only. */
const sweepEvery = 500;

const forgetOld = (sql: SqlStorage, revision: number, now: number): void => {
  sql.exec("DELETE FROM feedback WHERE at < ?", now - keptMs.feedback);
  if (revision % sweepEvery !== 0) return;
  sql.exec(
    `DELETE FROM feedback WHERE seq IN (SELECT seq FROM (
       SELECT seq, row_number() OVER (ORDER BY seq DESC) AS place,
         row_number() OVER (PARTITION BY key_id ORDER BY seq DESC) AS place_of_key FROM feedback)
       WHERE place > ? OR place_of_key > ?)`,
    maxScores,
    maxScoresOfKey,
  );
  forgetUnscored(sql, now);
};

/** Forgets answers that have no score any more, and who gave how many on days that are over. */
export const forgetUnscored = (sql: SqlStorage, now: number): void => {
  sql.exec("DELETE FROM scored_answers WHERE id NOT IN (SELECT answer FROM feedback)");
  sql.exec("DELETE FROM feedback_writes WHERE day < ?", dayOf(now - dayMs));
};
