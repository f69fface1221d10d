import type { ObjectBinding, WorkerConfig } from "./worker-config.ts";

/** The name under which the launcher gives workerd its address. */
export const socketName = "http";

/**
 * A workerd configuration that runs the bundled Worker as production does: the same compatibility date, variables
 * and Durable Objects. `environment` names the bindings whose values workerd takes from its own environment, so that
 * no secret is written to disk or seen among a process's arguments; they win over `vars`.
 * https://github.com/cloudflare/workerd/blob/main/src/workerd/server/workerd.capnp
 */
export const writeWorkerdConfig = (
  config: WorkerConfig,
  files: { readonly bundle: string; readonly storage: string },
  environment: readonly string[],
): string => {
  const bindings = [
    ...Object.entries(config.vars)
      .filter(([name]) => !environment.includes(name))
      .map(writeVariable),
    ...environment.map((name) => `(name = ${quote(name)}, fromEnvironment = ${quote(name)})`),
    ...config.objects.map(
      ({ binding, className }) => `(name = ${quote(binding)}, durableObjectNamespace = ${quote(className)})`,
    ),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "shoal", worker = .shoal),
    (name = "storage", disk = (path = ${quote(files.storage)}, writable = true)),
    # Providers on the internet, and on this machine: the inference service, a proxy, a local model server.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = ${quote(socketName)}, http = (), service = "shoal")],
);

const shoal :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed ${quote(files.bundle)})],
  compatibilityDate = ${quote(config.compatibilityDate)},
  compatibilityFlags = ${list(config.compatibilityFlags.map(quote))},
  bindings = ${list(bindings)},
  durableObjectNamespaces = ${list(config.objects.map(writeNamespace))},
  durableObjectStorage = (localDisk = "storage"),
);
`;
};

/** wrangler's rule: a string is a string, anything else arrives as the value it is. */
const writeVariable = ([name, value]: [string, unknown]): string =>
  typeof value === "string"
    ? `(name = ${quote(name)}, text = ${quote(value)})`
    : `(name = ${quote(name)}, json = ${quote(JSON.stringify(value))})`;

const writeNamespace = ({ className, sql }: ObjectBinding): string =>
  `(className = ${quote(className)}, uniqueKey = ${quote(`shoal-${className}`)}, enableSql = ${sql})`;

const list = (items: readonly string[]): string =>
  items.length === 0 ? "[]" : `[\n${items.map((item) => `    ${item},\n`).join("")}  ]`;

/** A Cap'n Proto text literal: C's escapes, and none of JSON's `\u`. */
const quote = (text: string): string => `"${Array.from(text, escapeChar).join("")}"`;

const escapeChar = (char: string): string =>
  char < " " || char === '"' || char === "\\" ? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}` : char;
