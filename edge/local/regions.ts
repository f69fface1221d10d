import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseEnv } from "node:util";
import { err, ok, type Result } from "../../shared/result.ts";
import { omit, type Variables, workerNames } from "./environment.ts";
import { basePorts, defaultStateDir } from "./settings.ts";

/** One system that the launcher runs. */
export type Start = {
  /** Null: the only one, by the settings above wrangler.toml's environments. */
  readonly region: string | null;
  readonly env: NodeJS.ProcessEnv;
};

export type Starts = {
  readonly starts: readonly Start[];
  /** Variables that are set and belong to no region. */
  readonly unused: readonly string[];
};

/** From one region's ports to the next one's. */
const portStep = 10;

/** What the launcher's own environment does not hand to a region: it would cross into every other. */
const withheld = [...workerNames, "SHOAL_REGIONS"];

/**
 * The systems that `SHOAL_REGIONS` names (`us,eu`); without it one, with the environment as it is. A region has what is
 * the Worker's, keys above all, from its own file `.env.<region>` alone; the launcher's environment gives it the ports,
 * counted up from region to region, the folder in which it has a folder of its own, and whatever concerns the machine.
 */
export const readStarts = async (env: NodeJS.ProcessEnv, cwd: string): Promise<Result<Starts, string>> => {
  const regions = (env["SHOAL_REGIONS"] ?? "").split(",").flatMap((region) => region.trim() || []);
  if (regions.length === 0) return ok({ starts: [{ region: null, env }], unused: [] });
  const wrong = regions.find((region) => !/^[a-z0-9]{1,16}$/.test(region));
  if (wrong !== undefined) return err(`SHOAL_REGIONS: '${wrong}' is no region: lower-case letters and digits`);
  if (new Set(regions).size < regions.length) return err("SHOAL_REGIONS names a region twice");
  const shared = omit(env, withheld);
  const starts = await Promise.all(
    regions.map(async (region, index) => ({
      region,
      env: { ...shared, ...ownPlace(shared, region, index), ...(await readOwn(cwd, region)), SHOAL_REGION: region },
    })),
  );
  return ok({ starts, unused: workerNames.filter((name) => env[name]) });
};

/** The weights of local models are the same everywhere, and public: the regions have one folder of them. */
const ownPlace = (shared: Variables, region: string, index: number): Variables => {
  const [port, inferencePort] = basePorts(shared);
  const stateDir = shared["SHOAL_STATE_DIR"] || defaultStateDir;
  return {
    SHOAL_PORT: String(port + index * portStep),
    SHOAL_INFERENCE_PORT: String(inferencePort + index * portStep),
    SHOAL_STATE_DIR: path.join(stateDir, region),
    SHOAL_MODELS_DIR: shared["SHOAL_MODELS_DIR"] || path.join(stateDir, "models"),
  };
};

/** `.env.<region>` where the launcher is started; none is an empty one. */
const readOwn = async (cwd: string, region: string): Promise<Variables> => {
  const text = await readFile(path.join(cwd, `.env.${region}`), "utf8").catch(() => "");
  return omit(parseEnv(text), ["SHOAL_REGIONS"]);
};
