/** The choice of one worker by quality alone, as the service decides it. */
import { decide } from "../../../shared/decide.ts";
import { predict, type Features, type Head } from "../../../shared/head.ts";
import { requestOf } from "./replay.ts";

export type Choice = {
  readonly worker: string;
  /** Whether the decision says that the prompt is far from everything recorded. */
  readonly outOfSupport: boolean;
  /** The likeliest task type, whether or not it counts. */
  readonly type: string;
};

const free = { lambda: 0, mu: 0, prices: new Map(), extractor: null };

export const decideOn = (head: Head, features: Features, pool: readonly string[]): Choice => {
  const prediction = predict(head, features, pool);
  const { scores, reason } = decide(prediction, requestOf("", { ...free, pool }), head.version);
  return {
    worker: scores[0]?.worker ?? "",
    outOfSupport: reason.startsWith("out_of_support"),
    type: prediction.types[0]?.name ?? "",
  };
};

/** No product of features and weights is that low. */
const beyond = 1e6;

/** The same weights with every prompt fully supported. */
export const withoutSupport = (head: Head): Head => ({
  ...head,
  support: { ...head.support, far: -2 * beyond, near: -beyond },
});
