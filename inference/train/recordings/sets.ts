/** Recordings whose sources' licenses allow them to be redistributed. */
export const bundledRecordings = import.meta.dirname;

const zeroevalPool = [
  "gpt-4o-2024-08-06",
  "claude-3-5-sonnet-20241022",
  "gemini-1.5-pro",
  "Mistral-Large-2",
  "gpt-4o-mini-2024-07-18",
  "Llama-3.1-405B-Inst@sambanova",
  "deepseek-v2.5-0908",
  "gemini-1.5-flash",
];

const pools: Readonly<Record<string, readonly (readonly string[])[]>> = {
  coderouterbench_idtest: [
    [
      "claude-opus-4-6",
      "claude-sonnet-4-6",
      "gpt-5.4",
      "glm-5",
      "kimi-k2.5",
      "MiniMax-M2.7",
      "Qwen3-Max",
      "qwen3.5-plus",
    ],
  ],
  // Eight near-equals, and the same with one that dominates them.
  zeroeval: [zeroevalPool, [...zeroevalPool, "o1-mini-2024-09-12"]],
  mmlu_pro: [
    ["gpt-4o-2024-05", "gemini-1.5-pro-002", "llama-3.1-70b-instruct", "gemini-1.5-flash-002", "deepseek-coder-v2"],
  ],
};

/** The pools that are trained and measured on a set; none when the set is not trained on. */
export const poolsOf = (set: string): readonly (readonly string[])[] => pools[set] ?? [];
