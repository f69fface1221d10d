/** Plots of lines and points as SVG: axes with units, error bars, labels that avoid each other, a legend. */
import { scaleLinear, scaleLog } from "d3-scale";
import { placeLabels } from "./plot-labels.ts";

export type PlotPoint = {
  readonly x: number;
  readonly y: number;
  /** Ends of the error bar. */
  readonly low?: number;
  readonly high?: number;
  /** Written beside the point. */
  readonly label?: string;
};

export type Series = {
  readonly name: string;
  readonly draw: "line" | "dashed" | "points";
  readonly points: readonly PlotPoint[];
};

export type Axis = {
  /** With the unit. */
  readonly label: string;
  readonly scale: "linear" | "log";
  /** Values that must be in view; the data's always are. */
  readonly include?: readonly number[];
};

export type Plot = { readonly title: string; readonly x: Axis; readonly y: Axis; readonly series: readonly Series[] };

const width = 800;
const height = 520;
const frame = { left: 68, right: width - 20, top: 84, bottom: height - 56 } as const;
const fontSize = 13;
/** Mean width of a character of the font that plots are drawn with. */
const characterWidth = 0.56 * fontSize;

/** Okabe and Ito's colors, told apart by the color-blind; shapes tell them apart in gray. */
const colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7A7A7A"] as const;

/** Around the origin, about ten units wide. */
const shapes = [
  "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z",
  "M-4,-4H4V4H-4Z",
  "M0,-5.5L5,4H-5Z",
  "M0,-5.5L5.5,0L0,5.5L-5.5,0Z",
  "M0,5.5L5,-4H-5Z",
  "M-5,-2H-2V-5H2V-2H5V2H2V5H-2V2H-5Z",
  "M-5,-3L-3,-5L0,-2L3,-5L5,-3L2,0L5,3L3,5L0,2L-3,5L-5,3L-2,0Z",
  "M-5,-1.5H5V1.5H-5Z",
] as const;

/** A whole SVG document, 800 × 520. */
export const drawPlot = (plot: Plot): string => {
  const points = plot.series.flatMap((series) => series.points);
  const x = scaleOf(
    plot.x,
    points.map((point) => point.x),
    [frame.left, frame.right],
  );
  const y = scaleOf(
    plot.y,
    points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]),
    [frame.bottom, frame.top],
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="${fontSize}" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(frame.left, 24, plot.title, `font-size="16" font-weight="bold"`),
    ...drawLegend(plot.series),
    ...drawXAxis(plot.x, x),
    ...drawYAxis(plot.y, y),
    ...plot.series.flatMap((series, at) => drawSeries(series, at, { x, y })),
    ...drawLabels(plot.series, { x, y }),
    "</svg>",
    "",
  ].join("\n");
};

type Scale = ((value: number) => number) & {
  readonly ticks: readonly number[];
  readonly format: (tick: number) => string;
};

const scaleOf = (axis: Axis, values: readonly number[], range: readonly [number, number]): Scale => {
  const all = [...values, ...(axis.include ?? [])].filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  if (axis.scale === "log") {
    const scale = scaleLog().domain([low, high]).range(range).nice();
    return Object.assign((value: number) => scale(value), {
      ticks: logTicks(scale.ticks(), low, high),
      format: String,
    });
  }
  const margin = high > low ? 0 : 1;
  const scale = scaleLinear()
    .domain([low - margin, high + margin])
    .range(range)
    .nice(tickCount);
  return Object.assign((value: number) => scale(value), {
    ticks: scale.ticks(tickCount),
    format: scale.tickFormat(tickCount),
  });
};

const tickCount = 6;

/** Powers of ten with 2 and 5 between, or all that there are where the range is short. */
const logTicks = (ticks: readonly number[], low: number, high: number): readonly number[] => {
  const leading = ticks.filter((tick) => /^[125]/.test(String(tick).replaceAll(/[0.]/g, "")));
  return high / low > 3 ? leading : ticks;
};

type Scales = { readonly x: Scale; readonly y: Scale };

const drawXAxis = (axis: Axis, scale: Scale): readonly string[] => [
  ...scale.ticks.flatMap((tick) => [
    line(scale(tick), frame.top, scale(tick), frame.bottom, `stroke="#e6e6e6"`),
    text(scale(tick), frame.bottom + 18, scale.format(tick), `text-anchor="middle"`),
  ]),
  line(frame.left, frame.bottom, frame.right, frame.bottom, `stroke="#666"`),
  text((frame.left + frame.right) / 2, height - 14, axis.label, `text-anchor="middle"`),
];

const drawYAxis = (axis: Axis, scale: Scale): readonly string[] => [
  ...scale.ticks.flatMap((tick) => [
    line(frame.left, scale(tick), frame.right, scale(tick), `stroke="#e6e6e6"`),
    text(frame.left - 8, scale(tick) + 4.5, scale.format(tick), `text-anchor="end"`),
  ]),
  line(frame.left, frame.top, frame.left, frame.bottom, `stroke="#666"`),
  text(
    0,
    0,
    axis.label,
    `text-anchor="middle" transform="translate(18,${(frame.top + frame.bottom) / 2}) rotate(-90)"`,
  ),
];

const drawSeries = ({ draw, points }: Series, at: number, { x, y }: Scales): readonly string[] => {
  const color = colors[at % colors.length] ?? "";
  const path = points.map((point) => `${round(x(point.x))},${round(y(point.y))}`).join(" ");
  const dashes = draw === "dashed" ? ` stroke-dasharray="6 4"` : "";
  return [
    ...(draw === "points"
      ? []
      : [`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"${dashes}/>`]),
    ...points.flatMap((point) => drawErrorBar(point, color, { x, y })),
    ...(draw === "dashed" ? [] : points.map((point) => drawMarker(at, x(point.x), y(point.y)))),
  ];
};

const drawErrorBar = (point: PlotPoint, color: string, { x, y }: Scales): readonly string[] => {
  if (point.low === undefined || point.high === undefined) return [];
  const center = x(point.x);
  const stroke = `stroke="${color}" stroke-width="1.2"`;
  return [
    line(center, y(point.low), center, y(point.high), stroke),
    line(center - 4, y(point.low), center + 4, y(point.low), stroke),
    line(center - 4, y(point.high), center + 4, y(point.high), stroke),
  ];
};

const drawMarker = (at: number, x: number, y: number): string =>
  `<path d="${shapes[at % shapes.length]}" transform="translate(${round(x)},${round(y)})" fill="${colors[at % colors.length]}" stroke="#fff" stroke-width="0.8"/>`;

/** From left to right under the title, a second row where one is too short. */
const drawLegend = (series: readonly Series[]): readonly string[] => {
  let left: number = frame.left;
  let row = 0;
  return series.flatMap((entry, at) => {
    const needed = 40 + entry.name.length * characterWidth;
    if (left > frame.left && left + needed > frame.right) {
      left = frame.left;
      row++;
    }
    const [start, middle] = [left, 46 + 20 * row];
    left += needed;
    const color = colors[at % colors.length] ?? "";
    const dashes = entry.draw === "dashed" ? ` stroke-dasharray="6 4"` : "";
    return [
      ...(entry.draw === "points"
        ? []
        : [line(start, middle, start + 22, middle, `stroke="${color}" stroke-width="2"${dashes}`)]),
      ...(entry.draw === "dashed" ? [] : [drawMarker(at, start + 11, middle)]),
      text(start + 28, middle + 4.5, entry.name, ""),
    ];
  });
};

const drawLabels = (series: readonly Series[], { x, y }: Scales): readonly string[] => {
  const points = series.flatMap((entry) =>
    entry.draw === "dashed" && entry.points.every((point) => point.label === undefined)
      ? []
      : entry.points.map((point) => ({ x: x(point.x), y: y(point.y), text: point.label ?? "" })),
  );
  const lines = series.flatMap((entry) => (entry.draw === "points" ? [] : alongLine(entry.points, { x, y })));
  return placeLabels(points, lines, { frame, height: 13, characterWidth: 0.56 * 11.5 }).map((label) =>
    text(
      label.left,
      label.bottom - 3,
      label.text,
      `font-size="11.5" fill="#444" stroke="#fff" stroke-width="3" stroke-linejoin="round" paint-order="stroke"`,
    ),
  );
};

/** Places on a line close enough together that no label fits between two of them. */
const alongLine = (points: readonly PlotPoint[], { x, y }: Scales) =>
  points.slice(1).flatMap((to, at) => {
    const from = points[at] ?? to;
    const [startX, startY, endX, endY] = [x(from.x), y(from.y), x(to.x), y(to.y)];
    const steps = Math.ceil(Math.hypot(endX - startX, endY - startY) / 8);
    return Array.from({ length: steps }, (_, step) => ({
      x: startX + ((endX - startX) * step) / steps,
      y: startY + ((endY - startY) * step) / steps,
    }));
  });

const line = (x1: number, y1: number, x2: number, y2: number, attributes: string): string =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" ${attributes}/>`;

const text = (x: number, y: number, content: string, attributes: string): string =>
  `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escape(content)}</text>`;

const escape = (content: string): string =>
  content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const round = (value: number): number => Math.round(10 * value) / 10;
