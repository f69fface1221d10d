import type { Command } from "commander";
import * as z from "zod";
import { ask, type Question } from "./ask.ts";
import { findHost } from "./find-host.ts";
import { writeFields, writeTable } from "./write-table.ts";

export type ConsoleIo = {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly print: (text: string) => void;
  readonly fetch: typeof fetch;
  /** All that comes in at standard input. */
  readonly readInput: () => Promise<string>;
};

export type Row = Readonly<Record<string, unknown>>;
/** How what comes back is shown to people. */
export type Show = (body: Row) => string;

/** What every command does with its question. Fails with `CommandError`. */
export type Console = {
  /** Asks, and prints the answer for people, or as it is with `--json`. */
  readonly run: (question: Question, show?: Show) => Promise<void>;
  /** Asks, and prints the answer as it comes. */
  readonly copy: (question: Question) => Promise<void>;
  readonly wantsJson: () => boolean;
  readonly readInput: ConsoleIo["readInput"];
};

export const row = z.record(z.string(), z.unknown());
const list = z.object({ data: z.array(row), next: z.union([z.string(), z.number()]).nullish() });

export const createConsole = (program: Command, io: ConsoleIo): Console => {
  const send = async (question: Question): Promise<Response> => {
    const { region } = program.opts<{ region?: string }>();
    return ask(await findHost(io.env, io.cwd, region), question, io.fetch);
  };
  const wantsJson = () => program.opts<{ json?: boolean }>().json === true;
  return {
    wantsJson,
    readInput: io.readInput,
    async run(question, show = writeFields) {
      const text = await (await send(question)).text();
      if (text === "") return io.print("done\n");
      const body = row.parse(JSON.parse(text));
      io.print(wantsJson() ? `${JSON.stringify(body, null, 2)}\n` : show(body));
      return;
    },
    async copy(question) {
      const response = await send(question);
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) io.print(decoder.decode(chunk, { stream: true }));
    },
  };
};

/** The rows of a list, and where the next page begins. */
export const asTable =
  (...columns: readonly string[]): Show =>
  (body) => {
    const { data, next } = list.parse(body);
    return `${writeTable(data, columns)}${next === null || next === undefined ? "" : `more from ${next}\n`}`;
  };

export const fieldsHint = "field=value …, as limits.usd_per_month=100 allowed_workers=a/b,c/d; field= deletes it";
