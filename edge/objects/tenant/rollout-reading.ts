import type { ArmFigures } from "../../rollout/compare.ts";
import { readPolicy } from "./keys.ts";
import type { RolloutBounds } from "./policy.ts";
import { boundsOf, readDays, readFigures } from "./rollout-figures.ts";
import { listStages, type Stage, type StageQuery } from "./rollout-stages.ts";

/** A stage of a key with what it served, and the bounds as they are now. */
export type RolloutStage = Stage & {
  readonly keyName: string;
  readonly bounds: RolloutBounds;
  readonly figures: ArmFigures;
  readonly days: readonly { readonly day: string; readonly figures: ArmFigures }[];
};

/** The latest stages first. */
export const readRollout = (sql: SqlStorage, query: StageQuery): readonly RolloutStage[] => {
  const tenant = readPolicy(sql);
  return listStages(sql, query).map((stage) => ({
    ...stage,
    bounds: boundsOf(sql, stage.keyId, tenant),
    figures: readFigures(sql, stage.id),
    days: readDays(sql, stage.id).map((day) => ({ day, figures: readFigures(sql, stage.id, day) })),
  }));
};
