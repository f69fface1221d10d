import edgeHead from "../../shared/edge-head.json" with { type: "json" };
import type { PlanRequest } from "../../shared/decision.ts";
import { headSchema, parseHead, predict, type Head, type Prediction } from "../../shared/head.ts";
import type { Known } from "../../shared/identity.ts";
import { hashFeatures } from "../../shared/ngrams.ts";
import { viewText } from "../../shared/prompt-view.ts";

/** The head that decides in the conductor's place: the same decision on hashed n-grams, no hop. */
let loaded: Head | undefined;

const load = (): Head => {
  if (loaded) return loaded;
  const head = parseHead(edgeHead);
  if (!head.ok) throw new Error(`edge head: ${head.error}`);
  loaded = head.value;
  return loaded;
};

/** Whom the weights know. Read apart from the matrices, which most isolates never need. */
export const readKnown = (): Known => {
  const profiles = headSchema.shape.profiles.parse(edgeHead.profiles);
  return { profiles: new Map(profiles.map((profile) => [profile.name, profile])), date: edgeHead.trained.date };
};

export const edgeWeights = (): string => load().version;

export const predictAtEdge = (request: PlanRequest): Prediction => {
  const head = load();
  const profiles = request.candidates.flatMap(({ profile }) => (profile === null ? [] : [profile]));
  return predict(head, hashFeatures(viewText(request.view), head.features), profiles);
};
