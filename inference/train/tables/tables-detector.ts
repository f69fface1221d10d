/** How well comparable answers are foreseen, on prompts labelled by reading. */
import * as z from "zod";
import { promptKinds, readLabelledPrompts } from "./labelled-prompts.ts";
import { measureDetector } from "./measure-detector.ts";
import { defineTable, percent } from "./table.ts";

const rowSchema = z.strictObject({
  kind: z.enum([...promptKinds, "ordinary", "all"]),
  half: z.enum(["seen", "apart", "both"]),
  prompts: z.number(),
  comparable: z.number(),
  detected: z.number(),
  precision: z.number().nullable(),
  recall: z.number().nullable(),
});
type DetectorRow = z.infer<typeof rowSchema>;

const halves = { seen: "looked at", apart: "kept apart", both: "both" } as const;

const names: Readonly<Record<DetectorRow["kind"], string>> = {
  chat: "ordinary chat",
  code: "code",
  ordinary: "ordinary chat and code",
  everyday: "everyday questions with one answer, eight languages",
  benchmark: "benchmarks",
  all: "all",
};

const share = (value: number | null): string => (value === null ? "" : `${percent(100 * value)} %`);

export const detectorTable = defineTable({
  name: "detector",
  row: rowSchema,
  compute: async () => measureDetector(await readLabelledPrompts()),
  columns: [
    { title: "prompts", cell: (row) => names[row.kind] },
    { title: "half", cell: (row) => halves[row.half] },
    { title: "n", cell: (row) => `${row.prompts}` },
    { title: "labelled comparable", cell: (row) => share(row.comparable / row.prompts) },
    { title: "detected", cell: (row) => share(row.detected / row.prompts) },
    { title: "precision", cell: (row) => share(row.precision) },
    { title: "recall", cell: (row) => share(row.recall) },
  ],
});
