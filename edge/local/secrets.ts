import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";

/** Made once for a state folder, so that keys stay valid across restarts. Named as the Worker's bindings. */
const secretsSchema = z.strictObject({
  KEY_SECRET: z.string().min(32),
  ADMIN_KEY: z.string().min(32),
  SHOAL_DEV_KEY: z.string().min(32),
});
export type Secrets = z.infer<typeof secretsSchema>;

/**
 * The secrets kept in `<dir>/secrets.json` (mode 0600), made on the first call. A file that cannot be read as
 * secrets is an error and not replaced: keys handed out under it would stop working. The local key of one region among
 * several has the shape of a tenant's, by which another region tells where it belongs.
 */
export const keepSecrets = async (
  dir: string,
  region: string | null,
  random: (bytes: number) => string,
): Promise<Result<Secrets, string>> => {
  const file = path.join(dir, "secrets.json");
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) return ok(await create(file, region, random));
  const secrets = parse(text);
  if (!secrets) return err(`${file} does not hold this machine's secrets; repair it, or delete it to get new ones`);
  await chmod(file, 0o600);
  return ok(secrets);
};

const parse = (text: string): Secrets | null => {
  try {
    return secretsSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
};

const create = async (file: string, region: string | null, random: (bytes: number) => string): Promise<Secrets> => {
  const secrets: Secrets = {
    KEY_SECRET: random(32),
    ADMIN_KEY: `admin-local-${random(24)}`,
    SHOAL_DEV_KEY:
      region === null ? `sk-shoal-local-${random(24)}` : `sk-shoal-${region}-local-${random(4)}-${random(24)}`,
  };
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return secrets;
};
