import { askedOf } from "../record/journal.ts";
import type { Prompt } from "../record/prompts.ts";
import { families, type Family } from "../record/run.ts";
import { sum } from "../record/report.ts";
import { bootstrapByProblem } from "../train/replay/bootstrap.ts";
import { bestOf, samplesFor } from "./best-of-n.ts";
import { isUltra, type Contender, type Tier } from "./contenders.ts";
import type { Outcome, Outcomes } from "./outcomes.ts";

/** Draws of the bootstrap, as `npm run eval` makes. */
const draws = 2000;

/** What one system did on the tasks that it answered. Shares from 0 to 1, dollars, milliseconds. */
export type Row = {
  readonly name: string;
  /** Of a tier: only the tasks on which its trace says that this was run; null: all. */
  readonly family: Family | null;
  readonly tasks: number;
  readonly right: number;
  /** In all. */
  readonly dollars: number;
  readonly calls: number;
  /** Answers of a workflow that a planner wrote; the others' have the fixed shape. */
  readonly written: number;
  /** Answers that one more round revised. */
  readonly revised: number;
  /** Answers that the edge head planned in the conductor's place. */
  readonly fallbacks: number;
  /** Mean of an answer. */
  readonly ms: number;
  /** The vendors' own names of what wrote the answers. */
  readonly models: readonly string[];
};

/** Paired on the tasks that both answered. */
export type Difference = {
  readonly of: string;
  readonly family: Family | null;
  readonly against: string;
  readonly tasks: number;
  /** Of the shares of right answers; the interval, 95 % over problems, is null where there is one problem. */
  readonly mean: number;
  readonly interval: readonly [low: number, high: number] | null;
  /** On these tasks, in all. */
  readonly dollars: { readonly of: number; readonly against: number };
};

export type Comparison = { readonly rows: readonly Row[]; readonly differences: readonly Difference[] };

type System = {
  readonly name: string;
  readonly family: Family | null;
  readonly answer: (prompt: Prompt) => Outcome | null;
};

export type Ground = {
  readonly prompts: readonly Prompt[];
  readonly baseline: string;
  readonly contenders: readonly Contender[];
  readonly outcomes: Outcomes;
  readonly seed: number;
};

/** Every contender beside the baseline, and Ultra, as a whole and by what was run, beside the baseline's best of n. */
export const compare = (ground: Ground): Comparison => {
  const baseline = systemOf(ground.baseline, ground);
  const others = ground.contenders.filter(({ id }) => id !== ground.baseline);
  const pairs = others.flatMap((contender): readonly (readonly [System, System])[] => {
    const whole = systemOf(contender.id, ground);
    if (!isUltra(contender)) return [[whole, baseline]];
    const control = controlOf(contender, ground);
    const parts = [whole, ...families.map((family) => within(whole, family))];
    return parts.flatMap((part) => [[part, baseline] as const, [part, control] as const]);
  });
  const systems = new Set([baseline, ...pairs.map(([one]) => one), ...pairs.map(([, other]) => other)]);
  return {
    rows: [...systems]
      .map((system) => rowOf(system, ground))
      .filter(({ family, tasks }) => family === null || tasks > 0),
    differences: pairs.map((pair) => differenceOf(pair, ground)).filter(({ tasks }) => tasks > 0),
  };
};

const systemOf = (name: string, { outcomes }: Ground): System => ({
  name,
  family: null,
  answer: (prompt) => outcomes(name, askedOf(prompt)).get(0) ?? null,
});

const within = (system: System, family: Family): System => ({
  name: system.name,
  family,
  answer: (prompt) => {
    const outcome = system.answer(prompt);
    return outcome?.family === family ? outcome : null;
  },
});

const controlOf = ({ id, preference }: Tier, { baseline, outcomes }: Ground): System => ({
  name: `${baseline}, best of n (${preference})`,
  family: null,
  answer: (prompt) => {
    const samples = outcomes(baseline, askedOf(prompt));
    const [team, single] = [outcomes(id, askedOf(prompt)).get(0), samples.get(0)];
    return team && single ? bestOf(samplesFor(team, single), samples, prompt.verifier) : null;
  },
});

const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);

const rowOf = ({ name, family, answer }: System, { prompts }: Ground): Row => {
  const answered = prompts.flatMap((prompt) => answer(prompt) ?? []);
  const runs = answered.flatMap(({ run }) => run ?? []);
  return {
    name,
    family,
    tasks: answered.length,
    right: mean(answered.map(({ correct }) => correct)),
    dollars: sum(answered.map(({ cost }) => cost)),
    calls: sum(answered.map(({ calls }) => calls)),
    written: runs.filter((run) => run.family === "workflow" && run.planner === "written").length,
    revised: runs.filter(({ revision }) => revision === "written").length,
    fallbacks: runs.filter(({ source }) => source === "edge_head").length,
    ms: mean(answered.map(({ ms }) => ms)),
    models: [...new Set(answered.flatMap(({ model }) => model ?? []))].toSorted(),
  };
};

const differenceOf = ([one, other]: readonly [System, System], { prompts, seed }: Ground): Difference => {
  const paired = prompts.flatMap((prompt) => {
    const [of, against] = [one.answer(prompt), other.answer(prompt)];
    return of && against ? [{ problem: prompt.problem, of, against }] : [];
  });
  const problems = paired.map(({ problem }) => problem);
  const differences = paired.map(({ of, against }) => of.correct - against.correct);
  const { low, high } = bootstrapByProblem(differences, problems, { seed, draws });
  return {
    of: one.name,
    family: one.family,
    against: other.name,
    tasks: paired.length,
    mean: mean(differences),
    interval: new Set(problems).size > 1 ? [low, high] : null,
    dollars: { of: sum(paired.map(({ of }) => of.cost)), against: sum(paired.map(({ against }) => against.cost)) },
  };
};
