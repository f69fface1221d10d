import type { KeyRecord } from "../objects/records.ts";
import type { Arm } from "./figures.ts";

export type Mode = KeyRecord["rollout"]["mode"];

/** Who serves a request for a tier, and what is compared with what. */
export type Rollout = {
  readonly mode: Mode;
  readonly arm: Arm;
  readonly baseline: string;
  /** Under which the tenant's object counts; absent when it does not. */
  readonly stage?: number;
  /** A keyed hash of how the conversation began. */
  readonly conversation: string;
};
