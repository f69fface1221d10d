import type { AskEvent } from "./ask-all.ts";
import { money } from "./report.ts";

type Output = { readonly isTTY?: boolean; write(text: string): unknown };

const clearLine = "\r\u001B[2K";
/** Lines of a run whose output is no terminal. */
const marks = 20;

/** Shows how far the run is: one line that is redrawn on a terminal, else one for each twentieth; failures as they come. */
export const createProgress = (output: Output, run: { readonly total: number; readonly spent: () => number }) => {
  const every = Math.max(1, Math.ceil(run.total / marks));
  let done = 0;
  const status = () => `${done} of ${run.total} answers, ${money(run.spent())}`;
  const say = (line: string) =>
    output.write(`${output.isTTY ? clearLine : ""}${line}\n${output.isTTY ? status() : ""}`);
  return {
    show: (event: AskEvent): void => {
      switch (event.type) {
        case "answer":
          done += 1;
          if (output.isTTY) output.write(`${clearLine}${status()}`);
          else if (done % every === 0) output.write(`${status()}\n`);
          return;
        case "failure":
          say(`${event.call.worker}: ${event.failure.status ?? "no status"} ${event.failure.message.slice(0, 200)}`);
          return;
        case "gave-up":
          say(`${event.worker} failed too often in a row: it is left alone until the next run`);
          return;
        default:
          event satisfies never;
      }
    },
    /** Leaves the line as it stands. */
    end: (): void => void (output.isTTY && output.write("\n")),
  };
};
