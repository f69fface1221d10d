import { describe, expect, it } from "vitest";
import * as z from "zod";
import { defineTable, interval } from "../../inference/train/tables/table.ts";
import { reliabilityTable } from "../../inference/train/tables/tables-reliability.ts";
import { fillTables, tablesIn } from "../../inference/train/tables/tables-readme.ts";

const table = defineTable({
  name: "fish",
  row: z.strictObject({ name: z.string(), grams: z.number() }),
  compute: () => Promise.resolve([{ name: "herring", grams: 200 }]),
  columns: [
    { title: "fish", cell: (row) => row.name },
    { title: "weight", cell: (row) => `${row.grams} g` },
  ],
});

const readme =
  "# Fish\n\n<!-- tables:fish -->\n\nold\n\n<!-- /tables -->\n\nprose\n\n<!-- tables:birds --><!-- /tables -->\n";

describe("defineTable", () => {
  it("renders rows as a padded Markdown table", () => {
    const rows = [
      { name: "cod", grams: 9000 },
      { name: "herring", grams: 200 },
    ];
    expect(table.render(rows).split("\n")).toEqual([
      "| fish    | weight |",
      "| ------- | ------ |",
      "| cod     | 9000 g |",
      "| herring | 200 g  |",
    ]);
  });

  it("refuses rows of another table", () => {
    expect(() => table.render([{ name: "cod" }])).toThrow("grams");
  });
});

describe("reliabilityTable", () => {
  it("shows what ballots stated beside what was right, as a row and as a line", () => {
    const bins = [
      { ballots: 50, stated: 0.6, observed: 0.5 },
      { ballots: 50, stated: 0.9, observed: 1 },
    ];
    const row = { set: "sums", workers: 3, preference: "balanced", bins, error: 0.1, ballots: 100, undecided: 4 };
    expect(reliabilityTable.render([row])).toContain("| sums, 3 workers | balanced   | 100 ");
    const [drawn] = reliabilityTable.plots([row]);
    expect(drawn?.plot.series.map(({ name }) => name)).toEqual(["sums, 3 workers", "as stated"]);
    expect(drawn?.plot.series[0]?.points[1]).toEqual({ x: 90, y: 100, low: 100, high: 100 });
  });
});

describe("fillTables", () => {
  it("replaces what stands between a table's markers, and nothing else", () => {
    expect(fillTables(readme, (name) => `the ${name}`)).toBe(
      "# Fish\n\n<!-- tables:fish -->\n\nthe fish\n\n<!-- /tables -->\n\nprose\n\n<!-- tables:birds --><!-- /tables -->\n",
    );
    expect(tablesIn(readme)).toEqual(["fish"]);
  });

  it("changes nothing the second time", () => {
    const once = fillTables(readme, () => table.render([{ name: "$& cod", grams: 1 }]));
    expect(fillTables(once, () => table.render([{ name: "$& cod", grams: 1 }]))).toBe(once);
  });
});

describe("interval", () => {
  it("writes differences with their sign and no negative zero", () => {
    expect(interval({ difference: 2.04, low: -0.04, high: 4 })).toBe("+2.0 [0.0, 4.0]");
    expect(interval({ difference: -1, low: -3.26, high: 0.04 })).toBe("−1.0 [−3.3, 0.0]");
    expect(interval({ difference: 0, low: 0, high: 0 })).toBe("0.0 [0.0, 0.0]");
  });
});
