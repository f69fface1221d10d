import { describe, expect, it } from "vitest";
import { embed } from "../../../edge/routes/embeddings.ts";
import { toWire } from "../../../shared/errors.ts";
import { keyOf, settingsOf } from "../../support/edge.ts";

const conductor = settingsOf({ INFERENCE_URL: "http://conductor.example.com", INFERENCE_SECRET: "secret-number-two" });

const ask = (answer: () => Response, settings = conductor, key = keyOf()) =>
  embed(
    new Request("https://shoal.example.com/v1/embeddings", {
      method: "POST",
      body: JSON.stringify({ model: "all-minilm-l6-v2", input: "a shoal" }),
    }),
    key,
    { settings, fetch: async () => answer(), signal: new AbortController().signal },
  );

const failureOf = async (asked: ReturnType<typeof ask>) => {
  const answer = await asked;
  return answer.ok ? null : toWire(answer.error);
};

const busy = () => Response.json({ error: {} }, { status: 503, headers: { "retry-after": "7" } });
const gone = () => {
  throw new Error("connection refused");
};

describe("embeddings", () => {
  it("wait as long as a busy conductor says", async () => {
    expect(await failureOf(ask(busy))).toMatchObject({ status: 503, retryAfterSeconds: 7 });
  });

  it("are not to be had while the conductor is away, or there is none", async () => {
    expect(await failureOf(ask(gone))).toMatchObject({ status: 503, retryAfterSeconds: 5 });
    expect(await failureOf(ask(gone, settingsOf()))).toMatchObject({ status: 503, retryAfterSeconds: null });
  });

  it("are refused to a key that may not use their model", async () => {
    const key = keyOf({ allowedModels: ["shoal-mini"] });
    expect(await failureOf(ask(gone, conductor, key))).toMatchObject({ status: 403 });
  });

  it("that are no vectors are no answer", async () => {
    expect(await failureOf(ask(() => Response.json({ data: "nonsense" })))).toMatchObject({ status: 503 });
  });

  it("name the text that the conductor refuses", async () => {
    const error = {
      message: "input[3]: 700 tokens, at most 510 fit",
      type: "invalid_request_error",
      param: "input[3]",
    };
    const refusal = await failureOf(ask(() => Response.json({ error }, { status: 400 })));
    expect(refusal).toMatchObject({ status: 400, param: "input[3]", message: error.message });
  });
});
