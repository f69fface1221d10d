import type { Progress } from "./fetch-default-model.ts";
import type { Log } from "./log.ts";

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

/** Shows a download: a bar that is redrawn on a terminal, else a log line per tenth. */
export const showProgress = (
  terminal: { readonly isTTY?: boolean; write(text: string): unknown },
  log: Log,
  name: string,
) => {
  let tenths = -1;
  return ({ doneBytes, totalBytes }: Progress): void => {
    const share = totalBytes > 0 ? doneBytes / totalBytes : 0;
    if (terminal.isTTY) {
      const bar = "#".repeat(Math.round(30 * share)).padEnd(30, ".");
      terminal.write(
        `\r${name} [${bar}] ${megabytes(doneBytes)} of ${megabytes(totalBytes)} MB${share >= 1 ? "\n" : ""}`,
      );
      return;
    }
    if (Math.floor(10 * share) <= tenths) return;
    tenths = Math.floor(10 * share);
    log(`${name}-download`, { doneBytes, totalBytes });
  };
};
