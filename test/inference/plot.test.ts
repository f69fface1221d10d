import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawPlot, type Plot } from "../../inference/train/plot/plot.ts";
import { writePlot } from "../../inference/train/plot/plot-files.ts";
import { placeLabels } from "../../inference/train/plot/plot-labels.ts";

const plot: Plot = {
  title: "a < b & c",
  x: { label: "prompts", scale: "log" },
  y: { label: "error, %", scale: "linear", include: [0] },
  series: [
    {
      name: "chosen",
      draw: "line",
      points: [10, 40, 160].map((x) => ({ x, y: 30 / Math.sqrt(x), low: 20 / Math.sqrt(x), high: 40 / Math.sqrt(x) })),
    },
    { name: "limit", draw: "dashed", points: [10, 160].map((x) => ({ x, y: 5 })) },
    { name: "workers", draw: "points", points: [{ x: 100, y: 4, label: "one" }] },
  ],
};

describe("drawPlot", () => {
  it("draws axes with units, lines, error bars, a legend and labels", () => {
    const svg = drawPlot(plot);
    for (const text of ["a &lt; b &amp; c", "prompts", "error, %", "chosen", "limit", "workers", "one", "100"])
      expect(svg).toContain(`>${text}</text>`);
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg.match(/stroke-width="1.2"/g)).toHaveLength(9);
    expect(svg).not.toContain("NaN");
  });

  it("has no number that is none, whatever the values", () => {
    const value = fc.integer({ min: -100_000, max: 100_000 }).map((cents) => cents / 100);
    const point = fc.record({ x: value, y: value });
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 5 }), (points) => {
        const linear = { label: "", scale: "linear" } as const;
        expect(drawPlot({ ...plot, x: linear, y: linear, series: [{ name: "s", draw: "line", points }] })).not.toMatch(
          /NaN|Infinity/,
        );
      }),
    );
  });
});

describe("placeLabels", () => {
  it("keeps the labels of near points apart", () => {
    const frame = { left: 0, top: 0, right: 800, bottom: 500 };
    const points = [0, 6, 12, 18].map((shift) => ({ x: 400, y: 250 + shift, text: "a-worker" }));
    const labels = placeLabels(points, [], { frame, height: 13, characterWidth: 6 });
    const apart = labels.every((a, at) =>
      labels.slice(at + 1).every((b) => Math.abs(a.bottom - b.bottom) >= 13 || Math.abs(a.left - b.left) >= 48),
    );
    expect(apart).toBe(true);
  });
});

describe("writePlot", () => {
  it("writes letters into the PNG on a machine without fonts", async () => {
    const folder = await mkdtemp(join(tmpdir(), "plot-"));
    const path = join(folder, "new", "plot");
    expect(await writePlot(path, plot)).toEqual([`${path}.svg`, `${path}.png`]);
    const withText = await readFile(`${path}.png`);
    await writePlot(path, { ...plot, title: " " });
    expect(withText.subarray(1, 4).toString()).toBe("PNG");
    expect(withText.equals(await readFile(`${path}.png`))).toBe(false);
  });
});
