import { once } from "node:events";
import { createServer } from "node:net";

export const loopback = "127.0.0.1";

/** Why nothing can listen on the port of the loopback interface; null when something can. */
export const whyNotFree = async (port: number): Promise<string | null> => {
  const server = createServer();
  try {
    server.listen(port, loopback);
    await once(server, "listening");
    return null;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return code === "EADDRINUSE" ? "is taken" : `cannot be used (${code})`;
  } finally {
    server.close();
  }
};
