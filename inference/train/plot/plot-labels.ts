/** Where the labels of a plot's points go, so that they cover neither each other nor the points. */
export type Labeled = {
  readonly x: number;
  readonly y: number;
  /** Empty: a point without label. */ readonly text: string;
};

export type PlacedLabel = { readonly text: string; readonly left: number; readonly bottom: number };

type Box = { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };

type Options = { readonly frame: Box; readonly height: number; readonly characterWidth: number };

/** One after the other, each at the place around its point that overlaps the least; coordinates grow downward. */
export const placeLabels = (
  points: readonly Labeled[],
  lines: readonly { readonly x: number; readonly y: number }[],
  options: Options,
): readonly PlacedLabel[] => {
  const taken: Box[] = [...points.map(({ x, y }) => around(x, y, 5)), ...lines.map(({ x, y }) => around(x, y, 2))];
  return points
    .filter((point) => point.text !== "")
    .map((point) => {
      const costs = candidatesOf(point, options).map((box, at) => ({
        box,
        cost: costOf(box, taken, options.frame) + at,
      }));
      const best = costs.reduce((lowest, next) => (next.cost < lowest.cost ? next : lowest)).box;
      taken.push(best);
      return { text: point.text, left: best.left, bottom: best.bottom };
    });
};

const around = (x: number, y: number, by: number): Box => ({
  left: x - by,
  top: y - by,
  right: x + by,
  bottom: y + by,
});

/** Best places first: right, left, above, below, then a little further away. */
const candidatesOf = ({ x, y, text }: Labeled, { height, characterWidth }: Options): readonly Box[] => {
  const width = text.length * characterWidth;
  const at = (left: number, middle: number): Box => ({
    left,
    top: middle - height / 2,
    right: left + width,
    bottom: middle + height / 2,
  });
  return [1, 2].flatMap((far) => [
    at(x + 8, y + (far - 1) * height),
    at(x - 8 - width, y - (far - 1) * height),
    at(x - width / 2, y - 12 * far),
    at(x - width / 2, y + 12 * far),
    at(x + 8, y - 11 * far),
    at(x + 8, y + 11 * far),
    at(x - 8 - width, y - 11 * far),
    at(x - 8 - width, y + 11 * far),
  ]);
};

/** Square pixels covered, and far more for leaving the frame. */
const costOf = (box: Box, taken: readonly Box[], frame: Box): number => {
  const outside = box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom;
  return taken.reduce((sum, other) => sum + 20 * overlapOf(box, other), outside ? 1e6 : 0);
};

const overlapOf = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) *
  Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
