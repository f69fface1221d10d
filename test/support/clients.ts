import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

type Place = { readonly url: string; readonly key: string };

/** The vendors' own clients, pointed at a system. A refusal is theirs at once: they do not try again. */
export const clientsOf = ({ url, key }: Place): { readonly openai: OpenAI; readonly anthropic: Anthropic } => ({
  openai: new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 }),
  anthropic: new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 }),
});
