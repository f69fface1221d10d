import type { QualityOf, Training } from "./training.ts";

/** A way to learn qualities, with the settings among which the inner folds choose. */
export type Candidate = {
  readonly name: string;
  readonly variants: readonly Variant[];
};

export type Variant = {
  /** The settings in words. */
  readonly label: string;
  readonly fit: (training: Training) => QualityOf;
};
