import { describe, expect, it } from "vitest";
import { readConfig } from "../../inference/config.ts";

const secret = "a-secret-of-some-length";

describe("readConfig", () => {
  it("needs nothing but the secret", () => {
    const config = readConfig({ INFERENCE_SECRET: secret });
    expect(config).toMatchObject({
      ok: true,
      value: { host: "127.0.0.1", port: 8788, chatModel: { kind: "default" }, modelsDir: ".shoal/models", gpu: "auto" },
    });
  });

  it("lists every problem by variable", () => {
    const config = readConfig({ SHOAL_INFERENCE_PORT: "http", SHOAL_GPU: "fast", SHOAL_THREADS: "0" });
    const problems = config.ok ? [] : config.error.map((line) => line.split(":")[0]);
    expect(new Set(problems)).toEqual(
      new Set(["INFERENCE_SECRET", "SHOAL_GPU", "SHOAL_INFERENCE_PORT", "SHOAL_THREADS"]),
    );
  });

  it("refuses a secret that can be guessed", () => {
    expect(readConfig({ INFERENCE_SECRET: "short" }).ok).toBe(false);
  });

  it.each([
    ["none", { kind: "none" }],
    ["", { kind: "default" }],
    ["models/small.gguf", { kind: "file", path: "models/small.gguf" }],
    ["hf:user/model:Q4_K_M", { kind: "hub", uri: "hf:user/model:Q4_K_M" }],
  ])("reads the chat model %j", (value, chatModel) => {
    expect(readConfig({ INFERENCE_SECRET: secret, SHOAL_CHAT_MODEL: value })).toMatchObject({ value: { chatModel } });
  });

  it("has no planner unless one is named, and reads its bounds", () => {
    expect(readConfig({ INFERENCE_SECRET: secret })).toMatchObject({ value: { plannerModel: { kind: "none" } } });
    const own = { SHOAL_PLANNER_MODEL: "hf:user/planner:Q4_K_M", SHOAL_PLANNER_TOKENS: "1024" };
    expect(readConfig({ INFERENCE_SECRET: secret, ...own })).toMatchObject({
      value: { plannerModel: { kind: "hub", uri: "hf:user/planner:Q4_K_M" }, plannerTokens: 1024 },
    });
    expect(readConfig({ INFERENCE_SECRET: secret, SHOAL_PLANNER_TOKENS: "100" }).ok).toBe(false);
  });
});
