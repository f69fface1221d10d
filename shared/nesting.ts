/**
 * No schema or document that people write is nested deeper. What is, by the thousand, leaves no room on the stack to
 * whoever writes it down again.
 */
export const mostLevels = 200;

/** Whether a value made of JSON is nested deeper than so many levels. */
export const isNestedDeeper = (value: unknown, levels: number): boolean =>
  typeof value === "object" &&
  value !== null &&
  (levels === 0 || Object.values(value).some((field) => isNestedDeeper(field, levels - 1)));
