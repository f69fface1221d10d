import * as z from "zod";
import { extractors, sameAnswer } from "./answers.ts";

const weight = z.number().min(-100).max(100);

/**
 * The calibrated model of "this answer is right". Each different answer g, and the possibility that none of them is
 * right, has a score; the probabilities are their softmax:
 *
 *     score(g)    = Σ over workers that gave g of (agree + agreeLogit · logit + agreeFirst · first logit)
 *     score(none) = none + noneLogit · (the first worker's logit: how hard the prompt is)
 *                 + noneDistinct · (answers − 1) + noneUnread · (unreadable votes)
 *
 * What the next worker will say is foreseen by three logistic models: that it can be read (`read`), that it is right
 * (`right` and `rightLogit`, on its logit), and, when wrong, that it repeats a wrong answer already given (`repeat`).
 */
export const coefficientsSchema = z.strictObject({
  agree: weight,
  agreeLogit: weight,
  agreeFirst: weight.optional(),
  none: weight,
  noneLogit: weight.optional(),
  noneDistinct: weight,
  noneUnread: weight,
  read: weight,
  right: weight,
  rightLogit: weight,
  repeat: weight,
});
export type Coefficients = z.infer<typeof coefficientsSchema>;

const voterSchema = z.strictObject({
  worker: z.string().min(1).max(128),
  /** Log odds that this worker's answer to this prompt is right. */
  logit: z.number().min(-20).max(20),
  /** Expected dollars of the call; null when its price is unknown. */
  costDollars: z.number().min(0).nullable(),
});
export type Voter = z.infer<typeof voterSchema>;

/** The stopping rule, complete: the edge needs no further word from the conductor. */
export const ballotSchema = z.strictObject({
  extractor: z.enum(extractors),
  /** Who is asked, in this order. */
  order: z.array(voterSchema).min(1).max(8),
  /** Workers asked at once. */
  wave: z.number().int().min(1).max(5),
  coefficients: coefficientsSchema,
  /** Quality (0 to 1) that a dollar is worth. */
  lambda: z.number().min(0),
  /** Writes the answer when most voters could not be read; null: the best worker's own text is passed on. */
  judge: z.string().min(1).max(128).nullable(),
});
export type Ballot = z.infer<typeof ballotSchema>;

/** A worker's answer in canonical form; null when it could not be read or the call failed. */
export type Vote = { readonly worker: string; readonly answer: string | null };

export type Winner = { readonly answer: string; readonly worker: string; readonly probability: number };

export type Tally =
  | { readonly decided: false; readonly ask: readonly string[] }
  /** `winner` is null when most abstained. */
  | { readonly decided: true; readonly winner: Winner | null };

/** A call of unknown price is taken to cost this much: dear for a question with a short answer, so never a bargain. */
const unknownCallDollars = 0.02;

/** How many further votes are thought through; more changes no decision in a hundred and costs four times the time. */
const horizon = 3;

/**
 * Where the ballot stands. Ask on while the expected gain of asking, thought through a few votes ahead, exceeds
 * λ × what it costs and the remaining votes could change the leader. Votes of strangers to the ballot are ignored, and
 * of two votes of one worker the first counts.
 */
export const tally = (ballot: Ballot, votes: readonly Vote[]): Tally => {
  const state = count(ballot, votes);
  const rest = ballot.order.filter((voter) => !state.voted.has(voter.worker));
  if (rest.length > 0 && (state.answers.length === 0 || isWorthAsking(ballot, state, rest))) {
    return { decided: false, ask: rest.slice(0, ballot.wave).map((voter) => voter.worker) };
  }
  return { decided: true, winner: winnerOf(ballot, state) };
};

type AnswerCount = { readonly answer: string; readonly score: number; readonly best: Voter };
type State = {
  readonly voted: ReadonlySet<string>;
  readonly answers: readonly AnswerCount[];
  readonly unread: number;
};

const count = (ballot: Ballot, votes: readonly Vote[]): State => {
  const answers = new Map<string, AnswerCount>();
  const voted = new Set<string>();
  let unread = 0;
  for (const vote of votes) {
    const voter = ballot.order.find((candidate) => candidate.worker === vote.worker);
    if (!voter || voted.has(vote.worker)) continue;
    voted.add(vote.worker);
    if (vote.answer === null) {
      unread++;
      continue;
    }
    const cast = vote.answer;
    const answer = [...answers.keys()].find((given) => sameAnswer(ballot.extractor, given, cast)) ?? cast;
    const before = answers.get(answer);
    answers.set(answer, {
      answer,
      score: (before?.score ?? 0) + weightOf(ballot, voter),
      best: before && before.best.logit >= voter.logit ? before.best : voter,
    });
  }
  return { voted, answers: [...answers.values()], unread };
};

const weightOf = ({ coefficients, order }: Ballot, voter: Voter): number =>
  coefficients.agree + coefficients.agreeLogit * voter.logit + (coefficients.agreeFirst ?? 0) * (order[0]?.logit ?? 0);

const winnerOf = (ballot: Ballot, state: State): Winner | null => {
  const leader = leaderOf(state.answers);
  if (!leader || state.unread * 2 > state.voted.size) return null;
  const { leading } = probabilities(
    ballot,
    state.answers.map((answer) => answer.score),
    state.unread,
  );
  return { answer: leader.answer, worker: leader.best.worker, probability: leading };
};

const leaderOf = (answers: readonly AnswerCount[]): AnswerCount | null =>
  answers.reduce<AnswerCount | null>(
    (leader, answer) =>
      !leader || answer.score > leader.score || (answer.score === leader.score && answer.best.logit > leader.best.logit)
        ? answer
        : leader,
    null,
  );

type Probabilities = { readonly answers: readonly number[]; readonly leading: number };

const probabilities = (ballot: Ballot, scores: readonly number[], unread: number): Probabilities => {
  const { coefficients, order } = ballot;
  const none =
    coefficients.none +
    (coefficients.noneLogit ?? 0) * (order[0]?.logit ?? 0) +
    coefficients.noneDistinct * Math.max(0, scores.length - 1) +
    coefficients.noneUnread * unread;
  const top = Math.max(none, ...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const total = weights.reduce((sum, value) => sum + value, Math.exp(none - top));
  const answers = weights.map((value) => value / total);
  return { answers, leading: Math.max(0, ...answers) };
};

const isWorthAsking = (ballot: Ballot, state: State, rest: readonly Voter[]): boolean => {
  const scores = state.answers.map((answer) => answer.score);
  if (!couldChange(ballot, scores, rest)) return false;
  const now = probabilities(ballot, scores, state.unread).leading;
  return valueOfAsking(ballot, { scores, unread: state.unread, rest, depth: horizon }) > now;
};

/** Whether the leader could still be overtaken if all the rest said the same. */
const couldChange = (ballot: Ballot, scores: readonly number[], rest: readonly Voter[]): boolean => {
  const gain = rest.reduce((sum, voter) => sum + Math.max(0, weightOf(ballot, voter)), 0);
  const [first = 0, second = 0] = scores.toSorted((a, b) => b - a);
  return Math.max(scores.length > 1 ? second : 0, 0) + gain > first;
};

type Ahead = {
  readonly scores: readonly number[];
  readonly unread: number;
  readonly rest: readonly Voter[];
  readonly depth: number;
};

/** Expected probability of the leader after asking the next worker and then deciding as well as can be, less λ·cost. */
const valueOfAsking = (ballot: Ballot, ahead: Ahead): number => {
  const [next, ...rest] = ahead.rest;
  if (!next) return Number.NEGATIVE_INFINITY;
  const { coefficients, lambda } = ballot;
  const added = weightOf(ballot, next);
  const standing = probabilities(ballot, ahead.scores, ahead.unread);
  const chances = chancesOf(coefficients, next, standing);
  const then = (scores: readonly number[], unread: number) =>
    bestValue(ballot, { scores, unread, rest, depth: ahead.depth - 1 });

  let value = -lambda * (next.costDollars ?? unknownCallDollars);
  value += chances.unread * then(ahead.scores, ahead.unread + 1);
  value += chances.fresh * then([...ahead.scores, added], ahead.unread);
  for (const [at, chance] of chances.joins.entries()) {
    if (chance === 0) continue;
    value +=
      chance *
      then(
        ahead.scores.map((score, index) => (index === at ? score + added : score)),
        ahead.unread,
      );
  }
  return value;
};

const bestValue = (ballot: Ballot, ahead: Ahead): number => {
  const now = probabilities(ballot, ahead.scores, ahead.unread).leading;
  return ahead.depth === 0 ? now : Math.max(now, valueOfAsking(ballot, ahead));
};

type Chances = { readonly unread: number; readonly fresh: number; readonly joins: readonly number[] };

/** What the next worker will say: nothing readable, something new, or one of the answers given. */
const chancesOf = (coefficients: Coefficients, next: Voter, standing: Probabilities): Chances => {
  const read = logistic(coefficients.read);
  const right = logistic(coefficients.right + coefficients.rightLogit * next.logit);
  const repeat = logistic(coefficients.repeat);
  const wrong = standing.answers.map((answer) => 1 - answer);
  const wrongTotal = wrong.reduce((sum, value) => sum + value, 0);
  const joins = standing.answers.map((answer, at) => {
    const repeated = wrongTotal === 0 ? 0 : ((wrong[at] ?? 0) / wrongTotal) * (1 - right) * repeat;
    return read * (answer * right + repeated);
  });
  const joined = joins.reduce((sum, value) => sum + value, 0);
  return { unread: 1 - read, fresh: Math.max(0, read - joined), joins };
};

const logistic = (value: number): number => 1 / (1 + Math.exp(-value));
