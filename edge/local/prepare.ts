import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { err, ok, type Result } from "../../shared/result.ts";
import { bundleWorker } from "./bundle.ts";
import { edgeUrl } from "./edge-process.ts";
import { inferenceUrl } from "./inference-service.ts";
import { hasProvider, type Variables } from "./environment.ts";
import { whyNotFree } from "./ports.ts";
import { readStarts } from "./regions.ts";
import { keepSecrets } from "./secrets.ts";
import { readSettings, type Settings } from "./settings.ts";
import { readWorkerConfig, type WorkerConfig } from "./worker-config.ts";
import { writeWorkerdConfig } from "./workerd-config.ts";

/** All that is known and written of one system before its first process starts. */
export type Prepared = {
  /** Null: the only system. */
  readonly region: string | null;
  readonly settings: Settings;
  /** The tenant's key that the operator pastes. */
  readonly key: string;
  readonly adminKey: string;
  /** Shared by the edge and the inference service, new at each start. */
  readonly inferenceSecret: string;
  readonly configFile: string;
  /** The Worker's environment. */
  readonly worker: Variables;
  /** The inference service's environment. */
  readonly inference: Variables;
  /** Whether the pool is the small local chat model alone. */
  readonly localOnly: boolean;
};

export type AllPrepared = {
  readonly systems: readonly Prepared[];
  /** Variables that are set and belong to no region. */
  readonly unused: readonly string[];
};

type Input = {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly random: (bytes: number) => string;
};

type Configured = { readonly region: string | null; readonly settings: Settings; readonly env: NodeJS.ProcessEnv };

/** Settings and free ports of all systems, then secrets, bundle and configuration of each; the error is for the operator's eyes. */
export const prepare = async (input: Input): Promise<Result<AllPrepared, string>> => {
  const read = await readStarts(input.env, input.cwd);
  if (!read.ok) return read;
  const { starts, unused } = read.value;
  const all = starts.map(({ region, env }) => ({ region, env, settings: readSettings(env, input.cwd) }));
  const problems = all.flatMap(({ region, settings }) => (settings.ok ? [] : blame(region, settings.error)));
  if (problems.length > 0) return err(problems.join("\n"));
  const configured = all.flatMap(({ settings, ...rest }): readonly Configured[] =>
    settings.ok ? [{ ...rest, settings: settings.value }] : [],
  );
  const taken = [...findSharedPorts(configured), ...(await findTakenPorts(configured))];
  if (taken.length > 0) return err(taken.join("\n"));

  const systems: Prepared[] = [];
  for (const one of configured) {
    const prepared = await prepareOne(one, publicHosts(configured), input);
    if (!prepared.ok) return err(blame(one.region, prepared.error));
    systems.push(prepared.value);
  }
  return ok({ systems, unused });
};

/** Says which region it is about, where there are several. */
const blame = (region: string | null, problem: string): string => (region === null ? problem : `${region}: ${problem}`);

/** Where keys of each region belong. */
const publicHosts = (systems: readonly Configured[]): Variables => {
  const hosts = systems.flatMap(({ region, settings }) =>
    region === null ? [] : [`${region}=${edgeUrl(settings.port)}`],
  );
  return hosts.length === 0 ? {} : { PUBLIC_HOSTS: hosts.join(",") };
};

const prepareOne = async (
  { region, settings, env }: Configured,
  hosts: Variables,
  { root, random }: Input,
): Promise<Result<Prepared, string>> => {
  const { stateDir, inferencePort } = settings;
  const secrets = await keepSecrets(stateDir, region, random);
  if (!secrets.ok) return secrets;
  const inferenceSecret = random(32);
  const localOnly = !hasProvider(settings.worker);
  const chatModel = env["SHOAL_CHAT_MODEL"] || (localOnly ? "default" : "none");
  const plannerModel = env["SHOAL_PLANNER_MODEL"] || "none";
  const worker = {
    ...secrets.value,
    SHOAL_PLANNER: plannerModel === "none" ? "none" : "conductor",
    SHOAL_LOCAL_CHAT: chatModel === "none" ? "off" : "on",
    ...hosts,
    ...settings.worker,
    INFERENCE_URL: inferenceUrl(inferencePort),
    INFERENCE_SECRET: inferenceSecret,
  };

  const { isolates } = settings;
  const configFile = await writeWorker({ root, region, stateDir, isolates }, Object.keys(worker));
  if (!configFile.ok) return configFile;
  return ok({
    region,
    settings,
    key: worker.SHOAL_DEV_KEY,
    // The newest of them, where several are valid.
    adminKey: worker.ADMIN_KEY.split(",")[0] ?? "",
    inferenceSecret,
    configFile: configFile.value,
    worker,
    inference: { ...settings.inference, SHOAL_CHAT_MODEL: chatModel },
    localOnly,
  });
};

type Port = { readonly name: string; readonly port: number };

const portsOf = ({ region, settings }: Configured): readonly Port[] => {
  const where = region === null ? "" : ` in .env.${region}`;
  return [
    { name: `SHOAL_PORT${where}`, port: settings.port },
    { name: `SHOAL_INFERENCE_PORT${where}`, port: settings.inferencePort },
  ];
};

const findSharedPorts = (systems: readonly Configured[]): readonly string[] => {
  const ports = systems.flatMap(portsOf);
  return ports.flatMap(({ name, port }, index) => {
    const other = ports.slice(0, index).find((earlier) => earlier.port === port);
    return other ? [`${other.name} and ${name} must differ: both are ${port}`] : [];
  });
};

const findTakenPorts = async (systems: readonly Configured[]): Promise<readonly string[]> => {
  const reasons = await Promise.all(
    systems.flatMap(portsOf).map(async ({ name, port }) => ({ name, port, reason: await whyNotFree(port) })),
  );
  return reasons
    .filter(({ reason }) => reason !== null)
    .map(({ name, port, reason }) => `port ${port} ${reason}: stop what listens there, or set ${name} to another port`);
};

type Place = { readonly root: string; readonly region: string | null } & Pick<Settings, "stateDir" | "isolates">;

/** Bundles the Worker and writes its configuration beside it; gives the configuration's file. */
const writeWorker = async (
  { root, region, stateDir, isolates }: Place,
  environment: readonly string[],
): Promise<Result<string, string>> => {
  const config = await readWorkerConfig(path.join(root, "wrangler.toml"), region);
  if (!config.ok) return config;
  const problem = findConfigProblem(config.value, region, environment);
  if (problem !== null) return err(problem);
  const dir = path.join(stateDir, "worker");
  const storage = path.join(stateDir, "state");
  await mkdir(storage, { recursive: true });
  const { main, keepNames } = config.value;
  const bundled = await bundleWorker({ entry: path.join(root, main), outfile: path.join(dir, "index.js"), keepNames });
  if (!bundled.ok) return bundled;
  const file = path.join(dir, "config.capnp");
  const local = withoutJurisdiction(config.value);
  await writeFile(file, writeWorkerdConfig(local, { bundle: "index.js", storage }, environment, isolates));
  return ok(file);
};

/** What would be another thing in production, or fail there. */
const findConfigProblem = (
  { vars, requiredSecrets }: WorkerConfig,
  region: string | null,
  environment: readonly string[],
): string | null => {
  if (region !== null && vars["SHOAL_REGION"] !== region) {
    return `wrangler.toml: SHOAL_REGION of the environment '${region}' must be '${region}'`;
  }
  const missing = requiredSecrets.filter((name) => !environment.includes(name));
  return missing.length === 0 ? null : `wrangler.toml requires secrets that are not set: ${missing.join(", ")}`;
};

/** workerd by itself has no jurisdictions and throws where one is asked for: all its storage is on this machine. */
const withoutJurisdiction = (config: WorkerConfig): WorkerConfig => {
  const { SHOAL_JURISDICTION: _, ...vars } = config.vars;
  return { ...config, vars };
};
