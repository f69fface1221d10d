import { expect, it } from "vitest";
import { childrenOf } from "../support/processes.ts";
import { kill } from "../support/start.ts";
import { systemUnderTest } from "../support/system-under-test.ts";

const { vendors, system, request, readTrace } = systemUnderTest({ SHOAL_PLAN_MINI_MS: "150" });

it("answers by the edge head when the inference service is killed, and says so", async () => {
  const conductor = (await childrenOf(system.pid)).find(({ command }) => command.includes("inference/main.ts"));
  expect(conductor).toBeDefined();

  kill(conductor?.pid ?? 0, "SIGKILL");
  const response = await request("/v1/chat/completions", {
    body: { model: "shoal-mini", messages: [{ role: "user", content: "Are you there?" }] },
  });
  expect(response.status).toBe(200);
  expect(vendors.calls()).toHaveLength(1);
  expect(response.headers.get("x-shoal-plan")).toMatch(/source=edge_head; fallback=(failed|late)/);

  expect(await readTrace(response)).toMatchObject({
    status: "complete",
    plan: { source: "edge_head", fallback: expect.stringMatching(/failed|late/) },
  });
});
