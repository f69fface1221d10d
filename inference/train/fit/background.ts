/** Generic text: what people ask that no recorded set has. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { viewOf, viewText } from "../../../shared/prompt-view.ts";

export type BackgroundText = {
  /** `chat`, `code` or `everyday`. */
  readonly kind: string;
  /** Turns of one conversation share it. */
  readonly conversation: string;
  readonly text: string;
};

const lineSchema = z.object({ id: z.string(), kind: z.string(), turns: z.array(z.string()).min(1) });

const path = join(import.meta.dirname, "..", "tables", "detector", "prompts.jsonl");

/** The last turns of the prompts that the detector of comparable answers is measured on, as a head reads them. */
export const readBackground = (): readonly BackgroundText[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { id, kind, turns } = lineSchema.parse(JSON.parse(line));
      return { kind, conversation: id.replace(/\.\d+$/, ""), text: viewText(viewOf("", turns.at(-1) ?? "")) };
    });
