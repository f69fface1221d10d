/** `npm run bench -- --workflow`: five steps at vendors with scripted delays, drawn over time. */
import os from "node:os";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { toDollars } from "../../shared/pricing.ts";
import {
  askDirectly,
  askFiveSteps,
  drawSpans,
  foreseenCosts,
  startFiveSteps,
  type Run,
} from "../support/five-steps.ts";
import { describeMachine } from "./machine.ts";
import { median, quantile } from "./statistics.ts";

export type WorkflowOptions = {
  /** Runs that are not counted. */
  readonly warmup: number;
  readonly runs: number;
  /** Whether the results' page is written. */
  readonly keep: boolean;
  readonly say: (text: string) => void;
};

type Measured = { readonly runs: readonly Run[]; readonly direct: readonly number[]; readonly rightlyCharged: number };

const ledgerSchema = z.looseObject({ data: z.array(z.looseObject({ cost_usd: z.number() })) });

/** One run through the edge and one call straight to the last step's vendor, in turn. */
const measure = async ({ warmup, runs, say }: WorkflowOptions): Promise<Measured> => {
  await using system = await startFiveSteps();
  const measured: Run[] = [];
  const direct: number[] = [];
  for (let round = -warmup; round < runs; round += 1) {
    say(`run ${round + warmup + 1} of ${warmup + runs}`);
    const run = await askFiveSteps(system);
    const alone = await askDirectly(system);
    if (round < 0) continue;
    measured.push(run);
    direct.push(...alone);
  }
  const foreseen = toDollars(Object.values(foreseenCosts()).reduce((sum, cost) => sum + cost, 0));
  const { data } = ledgerSchema.parse(await system.readLedger());
  const rightlyCharged = data.filter(({ cost_usd }) => cost_usd === foreseen).length - warmup;
  return { runs: measured, direct, rightlyCharged };
};

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const spread = (samples: readonly number[], write: (value: number) => string): string =>
  `${write(median(samples))} (${write(quantile(samples, 0.05))} to ${write(quantile(samples, 0.95))})`;

const lastStepEnd = ({ spans }: Run): number => spans.find(({ step }) => step === "final")?.to ?? Number.NaN;

/** The figures as lines of a table, each with what half of the runs were below, and 5 % and 95 % of them. */
const figuresOf = ({ runs, direct, rightlyCharged }: Measured): readonly (readonly [string, string])[] => {
  const forwarded = runs.flatMap(({ forwardMs }) => forwardMs);
  const early = runs.filter((run) => run.firstWordMs < lastStepEnd(run)).length;
  return [
    [
      "critical path, of the calls as long as the vendors took",
      spread(
        runs.map(({ criticalMs }) => criticalMs),
        ms,
      ),
    ],
    [
      "until the client has the whole answer",
      spread(
        runs.map(({ wallMs }) => wallMs),
        ms,
      ),
    ],
    [
      "the one by the other",
      spread(
        runs.map(({ wallMs, criticalMs }) => wallMs / criticalMs),
        (ratio) => ratio.toFixed(3),
      ),
    ],
    [
      "until the client has the first word",
      spread(
        runs.map(({ firstWordMs }) => firstWordMs),
        ms,
      ),
    ],
    ["first word before the last step has ended", `${early} of ${runs.length} runs`],
    ["a word, from the last step's vendor through the edge to the client", spread(forwarded, ms)],
    ["a word, from the same vendor straight to the client", spread(direct, ms)],
    ["added by the edge, difference of the medians", ms(median(forwarded) - median(direct))],
    ["ledger equal to what the vendors counted, to the micro-dollar", `${rightlyCharged} of ${runs.length} runs`],
  ];
};

const resultsFile = path.join(import.meta.dirname, "..", "results", "workflow.md");

/** Measures, and gives what is to be printed. */
export const benchWorkflow = async (options: WorkflowOptions): Promise<string> => {
  const machine = describeMachine();
  const measured = await measure(options);
  const loadAfter = Number((os.loadavg()[0] ?? 0).toFixed(1));
  const figures = figuresOf(measured);
  const typical = measured.runs.toSorted((a, b) => a.wallMs - b.wallMs)[Math.floor(measured.runs.length / 2)];
  const drawing = typical ? drawSpans(typical) : "";
  const conditions = `${measured.runs.length} runs, one after another, on ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, workerd ${machine.workerd}; load ${machine.loadBefore} before and ${loadAfter} after`;
  if (options.keep) await writeFile(resultsFile, writePage({ conditions, figures, drawing }));
  return [
    conditions,
    figures.map(([name, value]) => `${name}: ${value}`).join("\n"),
    drawing,
    ...(options.keep ? [path.relative(path.join(import.meta.dirname, "..", ".."), resultsFile)] : []),
  ].join("\n\n");
};

type Page = {
  readonly conditions: string;
  readonly figures: readonly (readonly [string, string])[];
  readonly drawing: string;
};

const writePage = ({ conditions, figures, drawing }: Page): string => `# A workflow over time

What \`npm run bench -- --workflow\` printed: a request to \`shoal-ultra\`, streamed, that a conductor's stand-in answers with a workflow of five steps. \`outline\` and \`draft\` see nobody, \`detail\` sees the outline, \`check\` the draft, and \`final\` sees all and writes the answer. The vendors are loopback servers with scripted delays: nothing here says anything of a model's speed or quality.

${conditions}.

| | median (5 % to 95 %) |
|---|---|
${figures.map(([name, value]) => `| ${name} | ${value} |`).join("\n")}

The run of median length: the calls as their vendors saw them, and the answer as its client read it.

\`\`\`
${drawing}
\`\`\`
`;
