import { sameAnswer, type Extractor } from "../../../shared/answers.ts";
import type { Coefficients } from "../../../shared/ballot.ts";
import { createRandom, shuffled, type Random } from "./random.ts";

/** A worker's recorded answer to a prompt, with what the head expected of it before it had seen the prompt. */
export type Cast = { readonly logit: number; readonly answer: string | null; readonly right: boolean };

/** Coefficients of the ballot from held-out predictions: each list holds one prompt's possible votes. */
export const fitBallot = (
  prompts: readonly (readonly Cast[])[],
  options: { extractor: Extractor; seed: number },
): Coefficients => {
  const random = createRandom(options.seed);
  const states = prompts.flatMap((casts) =>
    Array.from({ length: statesPerPrompt }, () => drawState(casts, options.extractor, random)),
  );
  const [agree, agreeLogit, none, noneDistinct, noneUnread, noneLogit, agreeFirst] = fitScores(states);
  const casts = prompts.flat();
  const readable = casts.filter((cast) => cast.answer !== null);
  const [right, rightLogit] = fitLogistic(readable.map((cast) => ({ x: cast.logit, y: cast.right })));
  const joins = states.flatMap((state) => state.nextJoinsWrong ?? []);
  return {
    agree: round(agree),
    agreeLogit: round(agreeLogit),
    noneLogit: round(noneLogit),
    agreeFirst: round(agreeFirst),
    none: round(none),
    noneDistinct: round(noneDistinct),
    noneUnread: round(noneUnread),
    read: round(logOdds(share(casts.map((cast) => cast.answer !== null)))),
    right: round(right),
    rightLogit: round(rightLogit),
    repeat: round(logOdds(share(joins))),
  };
};

const statesPerPrompt = 4;
const maxVoters = 8;

type Group = { readonly answer: string; readonly voters: number; readonly logits: number; readonly right: boolean };
type State = {
  /** The first worker's logit. */
  readonly firstLogit: number;
  readonly groups: readonly Group[];
  readonly unread: number;
  /** Whether the next voter, being wrong, repeated a wrong answer; null when that could not happen. */
  readonly nextJoinsWrong: boolean | null;
};

/** A pool of random size in the order in which it would be asked, stopped anywhere. */
const drawState = (casts: readonly Cast[], extractor: Extractor, random: Random): State => {
  const size = Math.min(casts.length, maxVoters, 2 + Math.floor(random() * (maxVoters - 1)));
  const pool = shuffled(casts, random)
    .slice(0, size)
    .toSorted((a, b) => b.logit - a.logit);
  const asked = 1 + Math.floor(random() * size);
  const groups: Group[] = [];
  for (const cast of pool.slice(0, asked)) {
    const { answer } = cast;
    if (answer === null) continue;
    const at = groups.findIndex((group) => sameAnswer(extractor, group.answer, answer));
    const before = groups[at] ?? { answer, voters: 0, logits: 0, right: false };
    const after = {
      ...before,
      voters: before.voters + 1,
      logits: before.logits + cast.logit,
      right: before.right || cast.right,
    };
    groups.splice(at < 0 ? groups.length : at, 1, after);
  }
  const read = groups.reduce((sum, group) => sum + group.voters, 0);
  return {
    firstLogit: pool[0]?.logit ?? 0,
    groups,
    unread: asked - read,
    nextJoinsWrong: joinsWrong(pool[asked], groups, extractor),
  };
};

const joinsWrong = (next: Cast | undefined, groups: readonly Group[], extractor: Extractor): boolean | null => {
  const wrong = groups.filter((group) => !group.right);
  const answer = next?.answer ?? null;
  if (!next || next.right || answer === null || wrong.length === 0) return null;
  return wrong.some((group) => sameAnswer(extractor, group.answer, answer));
};

type Scores = readonly [number, number, number, number, number, number, number];

const rounds = 600;

/** Maximum likelihood of "this answer is right, or none is" by gradient steps with momentum. */
const fitScores = (states: readonly State[]): Scores => {
  const usable = states.filter((state) => state.groups.length > 0);
  let weights: number[] = [0.5, 0.5, 0, 0, 0, 0, 0];
  let speed: number[] = [0, 0, 0, 0, 0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const gradient = [0, 0, 0, 0, 0, 0, 0];
    for (const state of usable) addGradient(state, weights, gradient);
    speed = speed.map((value, at) => 0.9 * value - (0.1 * (gradient[at] ?? 0)) / usable.length);
    weights = weights.map((weight, at) => weight + (speed[at] ?? 0));
  }
  const [agree = 0, agreeLogit = 0, none = 0, noneDistinct = 0, noneUnread = 0, noneLogit = 0, agreeFirst = 0] =
    weights;
  return [agree, agreeLogit, none, noneDistinct, noneUnread, noneLogit, agreeFirst];
};

const addGradient = (state: State, weights: readonly number[], gradient: number[]): void => {
  const noneFeatures = [0, 0, 1, state.groups.length - 1, state.unread, state.firstLogit, 0];
  const options = [
    { features: noneFeatures, right: state.groups.every((group) => !group.right) },
    ...state.groups.map((group) => ({
      features: [group.voters, group.logits, 0, 0, 0, 0, group.voters * state.firstLogit],
      right: group.right,
    })),
  ];
  const scores = options.map(({ features }) =>
    features.reduce((sum, feature, at) => sum + feature * (weights[at] ?? 0), 0),
  );
  const top = Math.max(...scores);
  const exponents = scores.map((score) => Math.exp(score - top));
  const total = exponents.reduce((sum, value) => sum + value, 0);
  for (const [at, { features, right }] of options.entries()) {
    const error = (exponents[at] ?? 0) / total - (right ? 1 : 0);
    for (const [place, feature] of features.entries()) gradient[place] = (gradient[place] ?? 0) + error * feature;
  }
};

/** Intercept and slope of a logistic regression on one variable, by Newton's method. */
export const fitLogistic = (
  points: readonly { readonly x: number; readonly y: boolean }[],
): readonly [number, number] => {
  let [intercept, slope] = [0, 1];
  for (let round = 0; round < 25; round++) {
    let [g0, g1, h00, h01, h11] = [0, 0, 1e-6, 0, 1e-6];
    for (const { x, y } of points) {
      const p = 1 / (1 + Math.exp(-(intercept + slope * x)));
      const error = p - (y ? 1 : 0);
      const weight = p * (1 - p);
      g0 += error;
      g1 += error * x;
      h00 += weight;
      h01 += weight * x;
      h11 += weight * x * x;
    }
    const determinant = h00 * h11 - h01 * h01;
    intercept -= (h11 * g0 - h01 * g1) / determinant;
    slope -= (h00 * g1 - h01 * g0) / determinant;
  }
  return [intercept, slope];
};

const share = (flags: readonly boolean[]): number => (flags.filter(Boolean).length + 1) / (flags.length + 2);

const logOdds = (probability: number): number => Math.log(probability / (1 - probability));

const round = (value: number): number => Number(value.toFixed(4));
