import { expect, it } from "vitest";
import { childrenOf } from "../support/processes.ts";
import { kill, startSystem } from "../support/start.ts";
import { startVendors } from "../support/vendors.ts";

it("answers by the edge head when the inference service is killed, and says so", async () => {
  await using vendors = await startVendors();
  await using system = await startSystem({ env: vendors.env });
  const conductor = (await childrenOf(system.pid)).find(({ command }) => command.includes("inference/main.ts"));
  expect(conductor).toBeDefined();

  kill(conductor?.pid ?? 0, "SIGKILL");
  const headers = { authorization: `Bearer ${system.key}`, "content-type": "application/json" };
  const response = await fetch(`${system.url}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify({ model: "shoal-mini", messages: [{ role: "user", content: "Are you there?" }] }),
  });
  expect(response.status).toBe(200);
  expect(vendors.calls()).toHaveLength(1);
  expect(response.headers.get("x-shoal-plan")).toMatch(/source=edge_head; fallback=(failed|late)/);

  const trace = await fetch(`${system.url}/v1/traces/${response.headers.get("x-request-id")}`, { headers });
  expect(await trace.json()).toMatchObject({
    status: "complete",
    plan: { source: "edge_head", fallback: expect.stringMatching(/failed|late/) },
  });
});
