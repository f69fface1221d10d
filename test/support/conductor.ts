import { once } from "node:events";
import { createServer } from "node:http";
import { text as readText } from "node:stream/consumers";
import { planRequestSchema, type Candidate, type Decision } from "../../shared/decision.ts";
import type { Plan } from "../../shared/plan.ts";

export type Conductor = AsyncDisposable & { readonly url: string };

export type ConductorOptions = {
  /** What it answers to every request of tier Ultra; to others, one call of the first candidate. */
  readonly plan: Plan;
  /** Expected milliseconds of a worker's answer. */
  readonly latencyMs?: (worker: string) => number | null;
};

/**
 * Stands in for the inference service's `POST /v1/plan` with a plan that is given beforehand. Test equipment: it decides
 * nothing.
 */
export const startConductor = async ({ plan, latencyMs = () => null }: ConductorOptions): Promise<Conductor> => {
  const decide = (body: string): Decision => {
    const { candidates, tier } = planRequestSchema.parse(JSON.parse(body));
    const [first] = candidates;
    const one = { id: "answer", worker: first?.worker ?? "", role: "answer", subtask: null, access: "none" } as const;
    return {
      plan: tier === "ultra" ? plan : { kind: "workflow", steps: [one] },
      scores: candidates.map((candidate) => scoreOf(candidate, latencyMs(candidate.worker))),
      reason: "a plan given beforehand",
      taskType: null,
      support: 1,
      weights: "stand-in",
    };
  };
  const server = createServer((request, response) => {
    void readText(request).then((body) => {
      if (request.url !== "/v1/plan") return response.writeHead(404).end();
      return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(decide(body)));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the conductor has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      const over = once(server, "close");
      server.close();
      server.closeAllConnections();
      await over;
    },
  };
};

/** A call of a hundred tokens in and a hundred out. */
const scoreOf = ({ worker, price }: Candidate, latencyMs: number | null): Decision["scores"][number] => ({
  worker,
  quality: 0.5,
  costDollars: price && (100 * (price.input + price.output)) / 1_000_000,
  latencyMs,
  utility: 0.5,
});
