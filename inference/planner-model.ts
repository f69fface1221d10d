import type { Llama } from "node-llama-cpp";
import type { Config } from "./config.ts";
import type { Progress } from "./fetch-default-model.ts";
import type { Log } from "./log.ts";
import { loadPlanner, type Planner } from "./planner.ts";
import { startModel, type ModelState } from "./start-model.ts";

export type PlannerState = ModelState<Planner>;

type PlannerModelDeps = {
  readonly llama: Llama;
  readonly log: Log;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly random: () => number;
};

/** Gets the configured planner ready behind the running service. */
export const startPlannerModel = (config: Config, { llama, now, random, ...deps }: PlannerModelDeps) =>
  startModel({
    ...deps,
    source: config.plannerModel,
    variable: "SHOAL_PLANNER_MODEL",
    name: "planner-model",
    modelsDir: config.modelsDir,
    load: (modelPath) =>
      loadPlanner(llama, {
        modelPath,
        sequences: config.plannerSequences,
        maxContextTokens: config.plannerContextTokens,
        maxTokens: config.plannerTokens,
        maxWaiting: config.plannerQueue,
        threads: config.threadsEach,
        now,
        random,
        log: deps.log,
      }),
  });
