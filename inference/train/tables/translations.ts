/** Recorded prompts in other languages, as `translations/` has them; written for this project. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { viewOf, viewText } from "../../../shared/prompt-view.ts";
import type { Prompt } from "../recordings/prompts.ts";

/** A recorded prompt whose only text is a translation. */
export type Translated = { readonly language: string; readonly prompt: Prompt };

const folder = join(import.meta.dirname, "translations");
const instructionsSchema = z.record(z.string(), z.record(z.string(), z.string()));
const questionSchema = z.strictObject({ id: z.string(), language: z.string(), text: z.string() });

/** Prompts with an instruction line: that line translated, the code below it as it was. */
export const translateInstructions = async (prompts: readonly Prompt[]): Promise<readonly Translated[]> => {
  const languages = instructionsSchema.parse(JSON.parse(await readFile(join(folder, "instructions.json"), "utf8")));
  return Object.entries(languages).flatMap(([language, lines]) =>
    prompts.flatMap((prompt) => {
      const [told = "", untold] = prompt.texts;
      const line = Object.keys(lines).find((known) => told.startsWith(known));
      return line === undefined || untold === undefined
        ? []
        : [translated(prompt, language, `${lines[line]}\n\n${told.slice(line.length)}`)];
    }),
  );
};

/** Whole questions of the prompts that a translation names. */
export const translateQuestions = async (prompts: readonly Prompt[]): Promise<readonly Translated[]> => {
  const byId = new Map(prompts.map((prompt) => [prompt.id, prompt]));
  const lines = (await readFile(join(folder, "mmlu-pro.jsonl"), "utf8")).split("\n").filter((line) => line !== "");
  return lines.flatMap((line) => {
    const { id, language, text } = questionSchema.parse(JSON.parse(line));
    const prompt = byId.get(id);
    return prompt ? [translated(prompt, language, text)] : [];
  });
};

const translated = (prompt: Prompt, language: string, text: string): Translated => ({
  language,
  prompt: { ...prompt, texts: [viewText(viewOf("", text))] },
});
