import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { text as readText } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { freePorts } from "../support/start.ts";

/** A vendor before whom a mock made from the vendor's own specification reads every request. */
type Specification = {
  /** What the operator sets as the vendor's base URL. */
  readonly url: string;
  /** What of the requests the specification does not allow. */
  readonly problems: readonly string[];
  /** How many requests it has allowed. */
  taken(): number;
  [Symbol.asyncDispose](): Promise<void>;
};

const version = "0.22.1";

/** `@stdy/cli` from npm. It answers with values at random, so only what it says of the request is used. */
const startMock = async (file: string) => {
  const [port = 0] = await freePorts(1);
  const child = spawn(
    "npm",
    [
      "exec",
      "--yes",
      `--package=@stdy/cli@${version}`,
      "--",
      "steady",
      "--host",
      "127.0.0.1",
      "-p",
      String(port),
      file,
    ],
    { stdio: ["ignore", "pipe", "inherit"], detached: true },
  );
  const ready = Promise.withResolvers<void>();
  child.stdout.on("data", (chunk: Buffer) => {
    if (chunk.toString().includes("Ready to accept requests")) ready.resolve();
  });
  child.once("close", () => ready.reject(new Error("the mock has ended")));
  await ready.promise;
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      const over = once(child, "close");
      // npm starts it in a shell: the whole group is ours.
      process.kill(-(child.pid ?? 0), "SIGTERM");
      await over;
    },
  };
};

export const startSpecification = async (options: {
  readonly file: string;
  /** The vendor's base URL. */
  readonly vendor: string;
}): Promise<Specification> => {
  const mock = await startMock(options.file);
  const problems: string[] = [];
  let taken = 0;

  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const init = {
      method: request.method ?? "GET",
      headers: {
        "content-type": request.headers["content-type"] ?? "",
        authorization: request.headers.authorization ?? "",
      },
      body: await readText(request),
    };
    const verdict = await fetch(`${mock.url}${request.url}`, init);
    const said = await verdict.text();
    if (verdict.headers.get("x-steady-request-valid") !== "true") {
      problems.push(`${request.method} ${request.url}: ${said.slice(0, 500)}`);
      return response.writeHead(400, { "content-type": "application/json" }).end(said);
    }
    taken += 1;
    const answer = await fetch(`${options.vendor}${request.url}`, init);
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    return answer.body ? pipeline(Readable.fromWeb(answer.body), response) : response.end();
  };

  const server = createServer((request, response) => {
    pass(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");

  return {
    url: `http://127.0.0.1:${address.port}`,
    problems,
    taken: () => taken,
    async [Symbol.asyncDispose]() {
      const over = once(server, "close");
      server.close();
      server.closeAllConnections();
      await over;
      await mock.stop();
    },
  };
};
