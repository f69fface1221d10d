import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { readStarts } from "../regions.ts";
import { readSettings } from "../settings.ts";
import { CommandError } from "./command-error.ts";

/** A region's edge, and a credential of its operator. */
export type Host = { readonly url: string; readonly adminKey: string };

const secretsSchema = z.object({ ADMIN_KEY: z.string().min(1) });

/**
 * `SHOAL_URL` with `ADMIN_KEY`; without an address the local start's, where `region` says which of several, and its own
 * credential from its state folder unless one is set. Of several credentials the newest, which comes first.
 */
export const findHost = async (env: NodeJS.ProcessEnv, cwd: string, region: string | undefined): Promise<Host> => {
  const [given] = (env["ADMIN_KEY"] ?? "").split(",");
  if (env["SHOAL_URL"]) {
    if (!given) throw new CommandError("ADMIN_KEY is not set: SHOAL_URL says where, and this with what credential");
    return { url: env["SHOAL_URL"].replace(/\/+$/, ""), adminKey: given };
  }
  const start = await findStart(env, cwd, region);
  const settings = readSettings(start, cwd);
  if (!settings.ok) throw new CommandError(settings.error);
  const { port, stateDir, worker } = settings.value;
  const [own] = (worker["ADMIN_KEY"] ?? "").split(",");
  return { url: `http://127.0.0.1:${port}`, adminKey: own || (await readOwn(stateDir)) };
};

const findStart = async (
  env: NodeJS.ProcessEnv,
  cwd: string,
  region: string | undefined,
): Promise<NodeJS.ProcessEnv> => {
  const read = await readStarts(env, cwd);
  if (!read.ok) throw new CommandError(read.error);
  const { starts } = read.value;
  const [only] = starts;
  if (region === undefined && starts.length === 1 && only) return only.env;
  const names = starts.map((start) => start.region).join(", ");
  const start = starts.find((candidate) => candidate.region === region);
  if (!start) throw new CommandError(`--region says which of the regions is meant: ${names}`);
  return start.env;
};

const readOwn = async (stateDir: string): Promise<string> => {
  const file = path.join(stateDir, "secrets.json");
  const text = await readFile(file, "utf8").catch(() => null);
  const secrets = text === null ? null : secretsSchema.safeParse(JSON.parse(text));
  if (secrets?.success) return secrets.data.ADMIN_KEY;
  throw new CommandError(`there is no credential: set SHOAL_URL and ADMIN_KEY, or start Shoal, which makes ${file}`);
};
