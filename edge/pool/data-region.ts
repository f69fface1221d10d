import type { DataRegion } from "../providers/provider.ts";

/** Whether a prompt may be processed there. Who admits `global` admits anywhere, a place that nobody knows included. */
export const admits = (admitted: readonly string[], place: DataRegion | undefined): boolean =>
  admitted.includes("global") || (place !== undefined && admitted.includes(place));
