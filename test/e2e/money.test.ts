import { expect, it } from "vitest";
import { runMoney } from "../chaos/money.ts";

/** `npm run chaos -- money` runs every combination. */
const requests = 200;
const affordable = 50;

it("lets those through that the budget pays for, and no other, to the micro-dollar", async () => {
  const report = await runMoney({ requests, affordable, isolates: 1, stream: false, leaves: 0, kill: false });
  expect(report).toMatchObject({
    passed: affordable,
    refused: requests - affordable,
    rows: { "complete, reported": affordable },
    spent: report.budget,
    upstream: report.budget,
    wrong: [],
  });
});

it("spends nothing twice and nothing unseen when clients leave and the edge, of three isolates, is killed", async () => {
  // Those who leave are spread over the isolates, whichever of them has the dollars.
  const report = await runMoney({ requests, affordable, isolates: 3, stream: true, leaves: 4, kill: true });
  expect(report).toMatchObject({ passed: affordable, refused: requests - affordable, wrong: [] });
  expect(Object.keys(report.rows)).toEqual(["aborted, estimated", "complete, reported", "lost, unknown"]);
});
