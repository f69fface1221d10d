import * as z from "zod";

type Output = { readonly isTTY?: boolean; write(text: string): unknown };

const recordSchema = z
  .looseObject({ event: z.string() })
  .transform(({ event, time: _time, ...fields }) => ({ event, fields }));
const downloadSchema = z.object({ doneBytes: z.number(), totalBytes: z.number().positive() });

const downloadEvents: ReadonlySet<string> = new Set(["chat-model-download", "planner-model-download"]);
const barWidth = 30;
const clearLine = "\r\u001B[2K";

/**
 * What the operator sees. The children's JSON records are written as words; the download of a model is a bar
 * below them that is redrawn where the output is a terminal.
 */
export const createTerminal = (output: Output) => {
  let bar = "";
  const show = (lines: string, below: string) => {
    const erase = bar === "" ? "" : clearLine;
    bar = below;
    output.write(`${erase}${lines}${bar}`);
  };
  return {
    print: (text: string) => show(`${text}\n`, bar),

    /** One line that a child wrote. */
    printFrom: (name: string, line: string): void => {
      const record = parseRecord(line);
      if (record === null) return show(`[${name}] ${line}\n`, bar);
      const download = downloadEvents.has(record.event) ? downloadSchema.safeParse(record.fields).data : undefined;
      if (download === undefined || !output.isTTY) return show(`[${name}] ${describe(record)}\n`, bar);
      show("", download.doneBytes < download.totalBytes ? drawBar(download) : "");
    },
  };
};

type Event = { readonly event: string; readonly fields: Readonly<Record<string, unknown>> };

const parseRecord = (line: string): Event | null => {
  if (!line.startsWith("{")) return null;
  try {
    return recordSchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
};

const describe = ({ event, fields }: Event): string =>
  [event, ...Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`)].join(" ");

const drawBar = ({ doneBytes, totalBytes }: z.infer<typeof downloadSchema>): string => {
  const share = doneBytes / totalBytes;
  const filled = "#".repeat(Math.round(share * barWidth)).padEnd(barWidth, ".");
  return `local chat model [${filled}] ${megabytes(doneBytes)} of ${megabytes(totalBytes)} MB`;
};

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
