/**
 * Tells the operator of a bug. Its message may quote what it worked on, hence only the lines of the stack that name
 * places are logged.
 */
export const logBug = (cause: unknown): void => {
  const error = cause instanceof Error ? cause : new Error("a value that is no error was thrown");
  const places = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  console.error({ event: "bug", name: error.name, places: places.slice(0, 8).map((line) => line.trim()) });
};
