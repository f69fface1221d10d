import path from "node:path";
import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";
import { omit, pick, type Variables, workerNames } from "./environment.ts";

/** What the local start needs to know, read once from the environment. */
export type Settings = {
  /** Port of the edge on the loopback interface. */
  readonly port: number;
  /** Port of the inference service on the loopback interface. */
  readonly inferencePort: number;
  /** Absolute folder of everything that outlives a run: secrets, Durable Objects, models. */
  readonly stateDir: string;
  /** Isolates of the edge that take requests in turn, as many do in production. */
  readonly isolates: number;
  /** What the operator set for the Worker. */
  readonly worker: Variables;
  /** The environment of the inference service: the operator's without what is the Worker's alone. */
  readonly inference: Variables;
};

const portProblem = "must be a port, 1 to 65535";
const portSchema = z
  .string()
  .transform(Number)
  .pipe(z.number(portProblem).int(portProblem).min(1, portProblem).max(65_535, portProblem));

/** The launcher reads only which variables hold the keys; the edge validates the rest. */
const providersSchema = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: "is not valid JSON" });
      return z.NEVER;
    }
  })
  .pipe(
    z
      .array(z.looseObject({ api_key_env: z.string().min(1).optional() }), "must be a list of objects")
      .transform((list) => list.flatMap((provider) => provider.api_key_env ?? [])),
  );

const defaultPort = 8787;
const defaultInferencePort = 8788;
export const defaultStateDir = ".shoal";

/** The ports of the edge and the inference service, from which those of several regions are counted; NaN where one is none. */
export const basePorts = (env: Variables): readonly [number, number] => [
  Number(env["SHOAL_PORT"] || defaultPort),
  Number(env["SHOAL_INFERENCE_PORT"] || defaultInferencePort),
];

const environmentSchema = z.object({
  SHOAL_PORT: portSchema.default(defaultPort),
  SHOAL_INFERENCE_PORT: portSchema.default(defaultInferencePort),
  SHOAL_STATE_DIR: z.string().default(defaultStateDir),
  SHOAL_MODELS_DIR: z.string().optional(),
  SHOAL_ISOLATES: z.coerce
    .number("must be 1 to 8")
    .int("must be 1 to 8")
    .min(1, "must be 1 to 8")
    .max(8, "must be 1 to 8")
    .default(1),
  SHOAL_PROVIDERS: providersSchema.default([]),
});

/** Reads the environment; the error lists every problem, one a line. Relative folders start at `cwd`. */
export const readSettings = (env: NodeJS.ProcessEnv, cwd: string): Result<Settings, string> => {
  const parsed = environmentSchema.safeParse(pick(env, Object.keys(environmentSchema.shape)));
  if (!parsed.success) return err(parsed.error.issues.map(describeIssue).join("\n"));
  const values = parsed.data;
  if (values.SHOAL_PORT === values.SHOAL_INFERENCE_PORT) {
    return err(`SHOAL_PORT and SHOAL_INFERENCE_PORT must differ: both are ${values.SHOAL_PORT}`);
  }
  const stateDir = path.resolve(cwd, values.SHOAL_STATE_DIR);
  const names = [...workerNames, ...values.SHOAL_PROVIDERS];
  return ok({
    port: values.SHOAL_PORT,
    inferencePort: values.SHOAL_INFERENCE_PORT,
    stateDir,
    isolates: values.SHOAL_ISOLATES,
    worker: pick(env, names),
    inference: {
      ...omit(env, names),
      SHOAL_MODELS_DIR: path.resolve(cwd, values.SHOAL_MODELS_DIR ?? path.join(stateDir, "models")),
    },
  });
};

const describeIssue = ({ path: [name, ...rest], message }: z.core.$ZodIssue): string =>
  `${String(name)}${rest.map((key) => `[${String(key)}]`).join("")} ${message}`;
