/** Which texts are said to be near the recorded ones, and which are not. */
import * as z from "zod";
import { readBackground } from "../fit/background.ts";
import { measureSupport, type Source } from "./measure-support.ts";
import { readOtherSet } from "../recordings/other-sets.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { defineTable, percent } from "./table.ts";

const sharesSchema = z.strictObject({ full: z.number(), some: z.number() });
const rowSchema = z.strictObject({
  texts: z.string(),
  count: z.number().int(),
  encoder: sharesSchema,
  edge: sharesSchema,
});

/** In the order of the table. */
const titles: Readonly<Record<string, string>> = {
  coderouterbench_idtest: "CodeRouterBench, problems held out",
  zeroeval: "ZeroEval, problems held out",
  mmlu_pro: "MMLU-Pro, problems held out",
  chat: "ordinary chat, conversations held out",
  code: "chat about code, conversations held out",
  everyday: "everyday questions with one answer, held out",
  livecodebench: "LiveCodeBench, not fitted on; coding problems",
  misguided_attention: "trick questions, not fitted on",
  bfcl_2024_08: "function calls of BFCL, not fitted on",
  mcpmark: "agentic tasks of MCPMark, not fitted on",
};

const strangers = ["livecodebench", "misguided_attention", "bfcl_2024_08", "mcpmark"];

export const supportTable = defineTable({
  name: "support",
  row: rowSchema,
  compute: async ({ heads, sets }) => {
    const others = [];
    for (const name of strangers) others.push(await readOtherSet(name));
    if (others.includes(null)) return null;
    const sources = {
      recorded: (await sets()).flatMap(({ prompts }) => sourcesOf(prompts)),
      background: readBackground().map(({ kind, conversation, text }) => ({
        group: kind,
        problem: conversation,
        text,
      })),
      others: others.flatMap((prompts) => sourcesOf(prompts ?? [])),
    };
    const encoder = measureSupport(sources, heads.encoder.buckets);
    const edge = measureSupport(sources, heads.edge.features);
    return Object.entries(titles).flatMap(([group, texts]) => {
      const [one, other] = [encoder.get(group), edge.get(group)];
      if (!one || !other) return [];
      const sharesOf = ({ full, some }: typeof one) => ({ full, some });
      return [{ texts, count: one.texts, encoder: sharesOf(one), edge: sharesOf(other) }];
    });
  },
  columns: [
    { title: "texts", cell: ({ texts }) => texts },
    { title: "n", cell: ({ count }) => count.toLocaleString("en") },
    { title: "support 0.9 or more, %: encoder, edge head", cell: ({ encoder, edge }) => pair(encoder.full, edge.full) },
    { title: "support 0.25 or more, %", cell: ({ encoder, edge }) => pair(encoder.some, edge.some) },
  ],
});

const pair = (encoder: number, edge: number): string => `${percent(encoder)}, ${percent(edge)}`;

const sourcesOf = (prompts: readonly Prompt[]): readonly Source[] =>
  prompts.flatMap(({ set, problem, texts }) => texts.map((text) => ({ group: set, problem, text })));
