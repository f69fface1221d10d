import { abilities } from "../../shared/workers.ts";
import { createCompatible } from "./openai-compatible.ts";
import { dataRegionOf } from "./provider.ts";

/** Shoal's own inference service as a worker: any GGUF model, without a price, in the region it belongs to. */
export const local = createCompatible({
  name: "local",
  needs: "INFERENCE_URL or INFERENCE_SECRET is not set",
  connect: ({ INFERENCE_URL: url, INFERENCE_SECRET: apiKey, SHOAL_REGION: region }) => {
    if (!url || !apiKey) return null;
    const dataRegion = dataRegionOf(region);
    return { apiKey, baseUrl: new URL("/v1", url).href, ...(dataRegion && { dataRegion }) };
  },
  abilities: abilities.filter(
    (ability) => !["vision", "image_url", "file", "top_k", "logprobs", "verbosity"].includes(ability),
  ),
});
