import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Resvg } from "@resvg/resvg-js";
import { drawPlot, type Plot } from "./plot.ts";

const fonts = [
  import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"),
  import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf"),
].map((url) => fileURLToPath(url));

/** Writes `path`.svg and `path`.png, the latter at twice the size, and makes the folder. Returns both names. */
export const writePlot = async (path: string, plot: Plot): Promise<readonly string[]> => {
  const svg = drawPlot(plot);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.svg`, svg);
  await writeFile(`${path}.png`, pngOf(svg));
  return [`${path}.svg`, `${path}.png`];
};

/** With a font of its own, since a machine may have none. */
const pngOf = (svg: string): Buffer =>
  new Resvg(svg, {
    fitTo: { mode: "zoom", value: 2 },
    font: { fontFiles: fonts, loadSystemFonts: false, defaultFontFamily: "DejaVu Sans" },
  })
    .render()
    .asPng();
