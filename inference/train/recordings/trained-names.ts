import { workerCards } from "../../../shared/worker-cards.ts";
import type { RecordingSet } from "./recordings.ts";

/** A recorded model goes by the name that the weights have for it, also where it was asked under its own id. */
export const trainedName = (worker: string): string => {
  const card = workerCards.find(({ id }) => id === worker);
  return card?.strengths === "measured" && card.profile !== null ? card.profile : worker;
};

export const withTrainedNames = (set: RecordingSet): RecordingSet => ({
  ...set,
  recordings: set.recordings.map((recording) => ({
    ...recording,
    models: Object.fromEntries(Object.entries(recording.models).map(([name, outcome]) => [trainedName(name), outcome])),
  })),
});
