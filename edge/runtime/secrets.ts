import { createMemory } from "./memory.ts";

const split = createMemory<readonly string[]>(8);

/** The region's secrets while they are rotated, newest first: they stand in one variable, separated by commas. */
export const secretsOf = (keySecret: string): readonly string[] => {
  const known = split.get(keySecret);
  if (known) return known;
  const secrets = keySecret.split(",").filter((secret) => secret !== "");
  split.set(keySecret, secrets);
  return secrets;
};
