/** A copy in random order, each order as likely as any other. `random`: in [0, 1). */
export const shuffle = <T>(items: readonly T[], random: () => number): readonly T[] => {
  const left = [...items];
  return items.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
};
