/** The region's secrets while they are rotated, newest first: they stand in one variable, separated by commas. */
export const secretsOf = (keySecret: string): readonly string[] =>
  keySecret.split(",").filter((secret) => secret !== "");
