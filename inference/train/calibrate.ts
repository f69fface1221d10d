/**
 * `npm run calibrate -- --recordings FILE... [--workers a,b]` places new workers, recorded by `npm run record`, beside
 * those that the weights were trained on, and writes their profiles into both weights. With `--choose N --out FILE` it
 * writes the N prompts that would tell most, for `npm run record -- --prompts FILE`, and changes no weights.
 */
import { readFile, writeFile } from "node:fs/promises";
import { trialShare, maxStandardError } from "../../shared/decide.ts";
import { readFeatures } from "../../shared/head.ts";
import { hashFeatures } from "../../shared/ngrams.ts";
import { readBundledPrompts, textOfPrompt, type Prompt as Askable } from "../record/prompts.ts";
import { fitGround, placePrompt, readGround, type Ground, type Reading } from "./calibrate/ground.ts";
import { scoreOf, type Item } from "./calibrate/model.ts";
import { parseOptions, type Options } from "./calibrate/options.ts";
import { choosePrompts, placeWorker } from "./calibrate/place.ts";
import { fitProfile, foreseeTypes, observe, wellKnownTypes, type Profile } from "./calibrate/profile.ts";
import { withProfiles } from "./calibrate/weights.ts";
import { embedPrompts } from "./fit/embed-prompts.ts";
import { readKnownSets } from "./recordings/known-sets.ts";
import { toPrompts, type Prompt } from "./recordings/prompts.ts";
import { readRecordings, textOfRecording } from "./recordings/recordings.ts";
import { withTrainedNames } from "./recordings/trained-names.ts";
import { readHeads, weightFiles } from "./fit/weights.ts";

type Readings = { readonly encoder: Reading; readonly edge: Reading };
type Bench = { readonly ground: Ground; readonly readings: Readings; readonly recorded: readonly Prompt[] };

const main = async (options: Options): Promise<void> => {
  const recorded = (await Promise.all(options.recordings.map(readRecordings))).flatMap((set) =>
    toPrompts(withTrainedNames(set)),
  );
  const askable = (await readBundledPrompts()).map(toAskable);
  const bench = await openBench(recorded, askable);
  if (options.choose) return writeChosen(bench, askable, { ...options, choose: options.choose });
  const workers = options.workers ?? strangersIn(bench);
  if (workers.length === 0) throw new Error("the recordings have no worker that the weights were not trained on");
  const date = options.date ?? new Date().toISOString().slice(0, 10);
  const profiles = {
    encoder: workers.map((worker) => fitProfile(worker, recorded, { ...bench, reading: bench.readings.encoder, date })),
    edge: workers.map((worker) => fitProfile(worker, recorded, { ...bench, reading: bench.readings.edge, date })),
  };
  for (const profile of profiles.encoder) report(profile, bench, askable);
  for (const kind of ["encoder", "edge"] as const) {
    const path = weightFiles[kind];
    await writeFile(path, withProfiles(await readFile(path, "utf8"), profiles[kind]));
    console.log(`written: ${path}`);
  }
};

type Candidate = { readonly askable: Askable; readonly prompt: Prompt };

const toAskable = (askable: Askable): Candidate => {
  const { id, problem, domain } = askable;
  const recording = { id, problem, domain, prompt: textOfPrompt(askable), models: {} };
  const text = textOfRecording(recording, { instruction: false });
  return { askable, prompt: { set: "bundled", id, problem, domain, type: domain, texts: [text], models: {} } };
};

const openBench = async (recorded: readonly Prompt[], askable: readonly Candidate[]): Promise<Bench> => {
  const heads = await readHeads();
  const ground = fitGround(await readKnownSets());
  const strangers = [...recorded, ...askable.map(({ prompt }) => prompt)].filter(({ id }) => !ground.items.has(id));
  const embeddings = await embedPrompts([...ground.prompts, ...recorded, ...strangers].flatMap(({ texts }) => texts));
  const readings = {
    encoder: readGround(ground, {
      head: heads.encoder,
      featuresOf: (text) => readFeatures(heads.encoder, text, embeddings.of(text)),
    }),
    edge: readGround(ground, { head: heads.edge, featuresOf: (text) => hashFeatures(text, heads.edge.features) }),
  };
  return { ground, readings, recorded };
};

/** Workers in the recordings that the weights know not at all, or by an earlier calibration. */
const strangersIn = ({ recorded, readings }: Bench): readonly string[] => {
  const { profiles } = readings.encoder.head;
  const names = new Set(recorded.flatMap(({ models }) => Object.keys(models)));
  return [...names].filter((name) => profiles.get(name)?.calibration !== undefined || !profiles.has(name));
};

/** What may be asked still, as items of the cohort. */
const candidatesFor = (workers: readonly string[], askable: readonly Candidate[], bench: Bench): readonly Item[] => {
  const { ground, readings, recorded } = bench;
  const asked = new Set(
    recorded.filter(({ models }) => workers.some((worker) => scoreOf(models[worker]) !== null)).map(({ id }) => id),
  );
  return askable
    .filter(({ prompt }) => !asked.has(prompt.id))
    .map(({ prompt }) => {
      const { types, logit } = placePrompt(prompt, ground, readings.encoder);
      return { id: prompt.id, type: types.indexOf(Math.max(...types)), logit, weight: 0 };
    });
};

const writeChosen = async (
  bench: Bench,
  askable: readonly Candidate[],
  { workers, choose }: Options & { readonly choose: NonNullable<Options["choose"]> },
): Promise<void> => {
  const names = workers ?? strangersIn(bench);
  const observations = names.slice(0, 1).flatMap((worker) => observe(worker, bench.recorded, given(bench)));
  const posterior = placeWorker(bench.ground.cohort, observations);
  const candidates = candidatesFor(names, askable, bench);
  const chosen = choosePrompts(bench.ground.cohort, posterior, { candidates, count: choose.count });
  const byId = new Map(askable.map(({ askable: prompt }) => [prompt.id, prompt]));
  const prompts = chosen.flatMap(({ id }) => byId.get(id) ?? []);
  await writeFile(choose.out, prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(""));
  for (const [domain, group] of Map.groupBy(prompts, (prompt) => prompt.domain))
    console.log(`${group.length} ${domain}`);
  console.log(`${prompts.length} of ${candidates.length} prompts: ${choose.out}`);
};

const given = ({ ground, readings }: Bench) => ({ ground, reading: readings.encoder });

const foreseen = [40, 80, 160, 320] as const;

const report = (profile: Profile, bench: Bench, askable: readonly Candidate[]): void => {
  const { calibration } = profile;
  if (!calibration) return;
  const { types } = bench.readings.encoder.head;
  console.log(
    `${profile.name}: ${percent(profile.mean)} ± ${percent(calibration.standardErrorOfMean)} % on all that is recorded, by ${calibration.prompts} prompts`,
  );
  for (const [type, name] of types.entries()) {
    const error = calibration.standardErrors[type] ?? 0;
    const bound = error > maxStandardError ? `; leads at most ${percent(trialShare)} % of prompts` : "";
    console.log(
      `  ${name}: ${percent(profile.strengths[type] ?? 0)} ± ${percent(error)} %, ${profile.evidence[type] ?? 0} prompts${bound}`,
    );
  }
  const observations = observe(profile.name, bench.recorded, given(bench));
  const candidates = candidatesFor([profile.name], askable, bench);
  const after = foreseeTypes(observations, { ...given(bench), candidates, counts: foreseen });
  console.log(
    `  well known (± ${percent(maxStandardError)} % or less) on ${wellKnownTypes(profile)} of ${types.length} task types; expected after further chosen prompts: ` +
      after.map(({ prompts, types: count }) => `${count} after ${prompts}`).join(", "),
  );
};

const percent = (value: number): string => (100 * value).toFixed(1);

const options = parseOptions(process.argv.slice(2), process.env["INIT_CWD"] ?? process.cwd());
if (options.ok) await main(options.value);
else {
  console.error(options.error);
  process.exitCode = 2;
}
