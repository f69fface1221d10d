import * as z from "zod";
import { edgeUrl } from "./edge-process.ts";

/** The workers that the edge has, and the providers that it has not. */
export type PoolReport = {
  readonly workers: readonly { readonly id: string; readonly status: string; readonly strengths: string }[];
  readonly unconfigured: readonly { readonly provider: string; readonly needs: string; readonly workers: number }[];
};

/** `GET /v1/models`. */
const modelsSchema = z.object({
  data: z.array(z.object({ id: z.string(), status: z.string().default("ready"), detail: z.string().nullish() })),
});

/** `GET /admin/workers`. */
const workersSchema = z.object({
  data: z.array(z.object({ id: z.string(), strengths: z.string() })),
  unconfigured: z.array(z.object({ provider: z.string(), needs: z.string(), workers: z.array(z.string()) })),
});

/** Asks the edge who is in the pool. */
export const readPool = async (
  port: number,
  keys: { readonly key: string; readonly adminKey: string },
): Promise<PoolReport> => {
  const ask = async (path: string, bearer: string): Promise<unknown> => {
    const response = await fetch(`${edgeUrl(port)}${path}`, { headers: { authorization: `Bearer ${bearer}` } });
    return response.json();
  };
  const models = modelsSchema.parse(await ask("/v1/models", keys.key));
  const { data, unconfigured } = workersSchema.parse(await ask("/admin/workers", keys.adminKey));
  const statuses = new Map(models.data.map(({ id, status, detail }) => [id, detail ? `${status}: ${detail}` : status]));
  return {
    workers: data.map(({ id, strengths }) => ({ id, strengths, status: statuses.get(id) ?? "ready" })),
    unconfigured: unconfigured.map(({ provider, needs, workers }) => ({ provider, needs, workers: workers.length })),
  };
};
