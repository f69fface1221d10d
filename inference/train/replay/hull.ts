/** The upper convex hull of points of cost and score: what drawing between two of them at random can reach. */
export type Point = { readonly name: string; readonly cost: number; readonly score: number };

/** From the cheapest point to the best one, each step buying less score for a dollar than the one before. */
export const upperHull = (points: readonly Point[]): readonly Point[] => {
  const hull: Point[] = [];
  for (const point of points.toSorted((a, b) => a.cost - b.cost || b.score - a.score)) {
    const last = hull.at(-1);
    if (last && point.score <= last.score) continue;
    while (hull.length > 1 && !turnsDown(hull.at(-2), hull.at(-1), point)) hull.pop();
    hull.push(point);
  }
  return hull;
};

export type Share = { readonly name: string; readonly share: number };

/** The mixture of hull points that costs `cost`; the nearest end of the hull where none does. */
export const mixtureAt = (hull: readonly Point[], cost: number): readonly Share[] => {
  const above = hull.findIndex((point) => point.cost >= cost);
  const dearer = hull[above];
  if (!dearer) return hull.slice(-1).map(({ name }) => ({ name, share: 1 }));
  const cheaper = hull[above - 1];
  if (!cheaper) return [{ name: dearer.name, share: 1 }];
  const share = (cost - cheaper.cost) / (dearer.cost - cheaper.cost);
  return [
    { name: cheaper.name, share: 1 - share },
    { name: dearer.name, share },
  ];
};

const turnsDown = (a: Point | undefined, b: Point | undefined, c: Point): boolean =>
  !a || !b || (b.score - a.score) * (c.cost - b.cost) > (c.score - b.score) * (b.cost - a.cost);
