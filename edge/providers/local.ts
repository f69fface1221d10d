import { abilities } from "../../shared/workers.ts";
import { createCompatible } from "./openai-compatible.ts";

/** Shoal's own inference service as a worker: any GGUF model, without a price. */
export const local = createCompatible({
  name: "local",
  needs: "INFERENCE_URL or INFERENCE_SECRET is not set",
  connect: ({ INFERENCE_URL: url, INFERENCE_SECRET: apiKey }) =>
    url && apiKey ? { apiKey, baseUrl: new URL("/v1", url).href } : null,
  abilities: abilities.filter(
    (ability) => !["vision", "image_url", "file", "top_k", "logprobs", "verbosity"].includes(ability),
  ),
});
