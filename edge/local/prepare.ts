import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { err, ok, type Result } from "../../shared/result.ts";
import { bundleWorker } from "./bundle.ts";
import { inferenceUrl } from "./inference-service.ts";
import { hasProvider, type Variables } from "./environment.ts";
import { whyNotFree } from "./ports.ts";
import { keepSecrets } from "./secrets.ts";
import { readSettings, type Settings } from "./settings.ts";
import { readWorkerConfig } from "./worker-config.ts";
import { writeWorkerdConfig } from "./workerd-config.ts";

/** All that is known and written before the first process starts. */
export type Prepared = {
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

/** Settings, free ports, secrets, bundle and configuration, in this order; the error is for the operator's eyes. */
export const prepare = async (input: {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly random: (bytes: number) => string;
}): Promise<Result<Prepared, string>> => {
  const settings = readSettings(input.env, input.cwd);
  if (!settings.ok) return settings;
  const { port, inferencePort, stateDir } = settings.value;
  const problems = await findTakenPorts({ SHOAL_PORT: port, SHOAL_INFERENCE_PORT: inferencePort });
  if (problems.length > 0) return err(problems.join("\n"));

  const secrets = await keepSecrets(stateDir, input.random);
  if (!secrets.ok) return secrets;
  const inferenceSecret = input.random(32);
  const localOnly = !hasProvider(settings.value.worker);
  const chatModel = input.env["SHOAL_CHAT_MODEL"] || (localOnly ? "default" : "none");
  const worker = {
    ...secrets.value,
    SHOAL_LOCAL_CHAT: chatModel === "none" ? "off" : "on",
    ...settings.value.worker,
    INFERENCE_URL: inferenceUrl(inferencePort),
    INFERENCE_SECRET: inferenceSecret,
  };

  const configFile = await writeWorker(input.root, stateDir, Object.keys(worker));
  if (!configFile.ok) return configFile;
  return ok({
    settings: settings.value,
    key: worker.SHOAL_DEV_KEY,
    adminKey: worker.ADMIN_KEY,
    inferenceSecret,
    configFile: configFile.value,
    worker,
    inference: { ...settings.value.inference, SHOAL_CHAT_MODEL: chatModel },
    localOnly,
  });
};

const findTakenPorts = async (ports: Readonly<Record<string, number>>): Promise<readonly string[]> => {
  const reasons = await Promise.all(
    Object.entries(ports).map(async ([name, port]) => ({ name, port, reason: await whyNotFree(port) })),
  );
  return reasons
    .filter(({ reason }) => reason !== null)
    .map(({ name, port, reason }) => `port ${port} ${reason}: stop what listens there, or set ${name} to another port`);
};

/** Bundles the Worker and writes its configuration beside it; gives the configuration's file. */
const writeWorker = async (
  root: string,
  stateDir: string,
  environment: readonly string[],
): Promise<Result<string, string>> => {
  const config = await readWorkerConfig(path.join(root, "wrangler.toml"));
  if (!config.ok) return config;
  const dir = path.join(stateDir, "worker");
  const storage = path.join(stateDir, "state");
  await mkdir(storage, { recursive: true });
  const { main, keepNames } = config.value;
  const bundled = await bundleWorker({ entry: path.join(root, main), outfile: path.join(dir, "index.js"), keepNames });
  if (!bundled.ok) return bundled;
  const file = path.join(dir, "config.capnp");
  await writeFile(file, writeWorkerdConfig(config.value, { bundle: "index.js", storage }, environment));
  return ok(file);
};
