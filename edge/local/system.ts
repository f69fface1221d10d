import type { Result } from "../../shared/result.ts";
import type { Child, Children } from "./children.ts";
import { edgeUrl, startEdge, whenEdgeReady } from "./edge-process.ts";
import { keepInference, startInference, whenInferenceReady } from "./inference-service.ts";
import { readPool } from "./pool-report.ts";
import type { Prepared } from "./prepare.ts";
import { writeWelcome } from "./welcome.ts";

/**
 * The running processes of one region, or of the only system: an edge, and an inference service of its own. The
 * service sees prompts, so that one for several regions would be the place where they meet.
 */
export type System = {
  readonly edge: Child;
  /** Resolves when both answer; the error says in words what did not. */
  ready(): Promise<Result<null, string>>;
  /** What the operator reads then. */
  welcome(): Promise<string>;
  /** Starts the inference service again whenever it ends; resolves once `stopped`. */
  keep(io: Parameters<typeof keepInference>[3]): Promise<void>;
};

export const startSystem = (children: Children, root: string, prepared: Prepared): System => {
  const { region, settings, key, adminKey, localOnly } = prepared;
  const named = (name: string) => (region === null ? name : `${region} ${name}`);
  const inferenceOptions = {
    name: named("inference"),
    root,
    port: settings.inferencePort,
    secret: prepared.inferenceSecret,
    env: prepared.inference,
  };
  const inference = startInference(children, inferenceOptions);
  const edge = startEdge(children, {
    name: named("edge"),
    port: settings.port,
    configFile: prepared.configFile,
    env: prepared.worker,
  });
  return {
    edge,
    async ready() {
      const [edgeReady, inferenceReady] = await Promise.all([
        whenEdgeReady(edge, settings.port, key),
        whenInferenceReady(inference, settings.inferencePort),
      ]);
      return edgeReady.ok ? inferenceReady : edgeReady;
    },
    async welcome() {
      const pool = await readPool(settings.port, { key, adminKey });
      return writeWelcome({ region, url: edgeUrl(settings.port), key, pool, localOnly });
    },
    keep: (io) => keepInference(children, inferenceOptions, inference, io),
  };
};
