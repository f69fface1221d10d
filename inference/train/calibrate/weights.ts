import { createHash } from "node:crypto";
import * as z from "zod";
import { parseHead } from "../../../shared/head.ts";
import type { Profile } from "./profile.ts";

const weightsSchema = z.object({
  version: z.string(),
  profiles: z.array(z.object({ name: z.string(), calibration: z.unknown().optional() })),
});

/** A guard, since parsing would put keys into another order. */
const isWeights = (json: unknown): json is z.infer<typeof weightsSchema> => weightsSchema.safeParse(json).success;

/**
 * The text of weights with these profiles in place of those of the same names, or after the others; all else stays
 * as it is, byte by byte. The version's suffix tells calibrations apart. Throws when the result is no head, or a profile would
 * replace one that was trained.
 */
export const withProfiles = (text: string, profiles: readonly Profile[]): string => {
  const weights: unknown = JSON.parse(text);
  if (!isWeights(weights)) throw new Error("these are no weights");
  const names = new Set(profiles.map(({ name }) => name));
  const own = weights.profiles.find(({ name, calibration }) => names.has(name) && calibration === undefined);
  if (own) throw new Error(`the weights were trained on ${own.name}: calibration would replace what they learnt`);
  const kept = weights.profiles.filter(({ name }) => !names.has(name));
  const all = [...kept, ...profiles];
  const digest = createHash("sha256")
    .update(JSON.stringify(all.filter(({ calibration }) => calibration !== undefined)))
    .digest("hex")
    .slice(0, 8);
  const [trained] = weights.version.split("+");
  const changed = { ...weights, version: `${trained}+${digest}`, profiles: all };
  const head = parseHead(changed);
  if (!head.ok) throw new Error(`the calibrated weights do not parse: ${head.error}`);
  return `${JSON.stringify(changed)}\n`;
};
