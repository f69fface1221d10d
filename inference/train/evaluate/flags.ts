import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { err, ok, type Result } from "../../../shared/result.ts";

/** What `npm run eval` was asked for. Paths are absolute. */
export type Flags = {
  readonly recordings: readonly string[];
  readonly calibrate: readonly string[];
  /** Exported feedback, in place of recordings, and the worker that the conductor is compared with on it. */
  readonly feedback: readonly string[];
  readonly baseline: string | null;
  /** Empty: the set's own pool, else every worker that the weights know. */
  readonly pools: readonly (readonly string[])[];
  /** Null: ultra where answers can be compared, else mini. */
  readonly tier: "mini" | "ultra" | null;
  readonly instruction: boolean;
  /** Keep prompts on which some worker of the pool was not recorded: that counts as a wrong answer. */
  readonly incomplete: boolean;
  /** Leave out prompts on which the best single worker's answer could not be read. */
  readonly readable: boolean;
  /** Leave out prompts on which a worker of the pool failed to answer. */
  readonly withoutOutages: boolean;
  readonly json: boolean;
  readonly out: string | null;
};

const options = {
  recordings: { type: "string", multiple: true },
  calibrate: { type: "string", multiple: true },
  feedback: { type: "string", multiple: true },
  baseline: { type: "string" },
  pool: { type: "string", multiple: true },
  tier: { type: "string" },
  "without-instruction": { type: "boolean", default: false },
  incomplete: { type: "boolean", default: false },
  readable: { type: "boolean", default: false },
  "without-outages": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  out: { type: "string" },
} as const;

export const usage =
  "npm run eval -- --recordings FILE... [--pool a,b] [--tier mini|ultra] [--without-instruction] [--incomplete] " +
  "[--readable] [--without-outages] [--calibrate FILE...] [--json] [--out DIR], or " +
  "npm run eval -- --feedback FILE... --baseline WORKER [--json]";

/** Reads the command line; relative paths start at `from`. The error is one line. */
export const parseFlags = (argv: readonly string[], from: string): Result<Flags, string> => {
  const parsed = parse(repeatLists(argv));
  if (!parsed.ok) return parsed;
  const { values, positionals } = parsed.value;
  const [stray] = positionals;
  if (stray !== undefined) return err(`unexpected ${stray}; usage: ${usage}`);
  const { tier = null } = values;
  if (tier !== null && tier !== "mini" && tier !== "ultra") return err(`--tier is mini or ultra, not ${tier}`);
  const { recordings = [], feedback = [], baseline = null } = values;
  if (recordings.length + feedback.length === 0) return err(`--recordings is missing; usage: ${usage}`);
  if (recordings.length > 0 && feedback.length > 0)
    return err("--recordings and --feedback are two questions: ask one");
  if (feedback.length > 0 && baseline === null) return err("--feedback needs --baseline WORKER");
  if (feedback.length === 0 && baseline !== null) return err("--baseline needs --feedback FILE");
  const pools = (values.pool ?? []).map((pool) => [...new Set(pool.split(",").map((name) => name.trim()))]);
  if (pools.some((pool) => pool.includes(""))) return err("--pool is a list of names with commas between");
  const absolute = (path: string) => resolve(from, path);
  return ok({
    recordings: recordings.map(absolute),
    calibrate: (values.calibrate ?? []).map(absolute),
    feedback: feedback.map(absolute),
    baseline,
    pools,
    tier,
    instruction: !values["without-instruction"],
    incomplete: values.incomplete,
    readable: values.readable,
    withoutOutages: values["without-outages"],
    json: values.json,
    out: values.out === undefined ? null : absolute(values.out),
  });
};

const lists: readonly string[] = ["--recordings", "--calibrate", "--feedback"];

/** `--recordings a b` as `--recordings a --recordings b`, which is what the parser knows. */
const repeatLists = (argv: readonly string[]): readonly string[] => {
  let list: string | null = null;
  return argv.flatMap((word, at) => {
    if (word.startsWith("-")) {
      const [name = ""] = word.split("=");
      list = lists.includes(name) ? name : null;
      return [word];
    }
    return list === null || argv[at - 1] === list ? [word] : [list, word];
  });
};

const parse = (argv: readonly string[]) => {
  try {
    return ok(parseArgs({ args: [...argv], options, allowPositionals: true }));
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split(/[.\n]/);
    return err(`${line}; usage: ${usage}`);
  }
};
