import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "../..");

export const secret = "a-secret-of-some-length";

/** The service as a process of its own, on a port that the system chooses. */
export const startProcess = (env: Record<string, string>) => {
  const child = spawn(process.execPath, ["inference/main.ts"], {
    cwd: root,
    env: { ...process.env, INFERENCE_SECRET: secret, SHOAL_INFERENCE_PORT: "0", SHOAL_GPU: "cpu", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: Record<string, unknown>[] = [];
  const reader = createInterface({ input: child.stderr });
  reader.on("line", (line) => lines.push(JSON.parse(line)));
  const exited = once(child, "exit").then(([code]: unknown[]) => code);

  /** The first log line of an event, now or when it comes. */
  const event = async (name: string): Promise<Record<string, unknown>> => {
    const seen = lines.find((line) => line["event"] === name);
    if (seen) return seen;
    await Promise.race([once(reader, "line"), exited]);
    if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode}: ${JSON.stringify(lines.at(-1))}`);
    return event(name);
  };

  const url = async (path: string) => `http://127.0.0.1:${String((await event("listening"))["port"])}${path}`;

  const get = async (path: string) => fetch(await url(path), { headers: { authorization: `Bearer ${secret}` } });

  const chat = async (body: object, signal?: AbortSignal) =>
    fetch(await url("/v1/chat/completions"), {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ model: "chat", ...body }),
      ...(signal && { signal }),
    });

  return { child: child as ChildProcess, lines, event, get, chat, url, exited };
};

export type ServiceProcess = ReturnType<typeof startProcess>;

export const stopProcess = async (service: ServiceProcess | undefined) => {
  service?.child.kill("SIGKILL");
  await service?.exited;
};
