/** Libraries that applications use in place of a vendor's SDK, each behind the same few things that applications do. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { HumanMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIChatCompletionsModel, run, setTracingDisabled, tool as agentsTool } from "@openai/agents";
import { generateText, isStepCount, Output, streamText, tool } from "ai";
import OpenAI from "openai";
import * as z from "zod";

export type Framework = {
  readonly name: string;
  /** A streamed answer, in the pieces that came. */
  read(question: string): Promise<readonly string[]>;
  /** The answer after as many calls of the tool as the model wants. */
  work(question: string, depthOf: (sea: string) => string): Promise<string>;
  /** An object with a depth. */
  extract(question: string): Promise<unknown>;
  /** Reads the first piece of a stream and goes. */
  leave(question: string): Promise<void>;
};

type Target = { readonly url: string; readonly key: string; readonly model: string };

const description = "Depth of a sea in meters.";
const parameters = z.object({ sea: z.string() });
const answerSchema = z.object({ depth: z.number() });

const aiSdk = ({ url, key, model: id }: Target): Framework => {
  const model = createOpenAICompatible({
    name: "shoal",
    baseURL: `${url}/v1`,
    apiKey: key,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })(id);
  const common = { model, maxRetries: 0 };
  return {
    name: "AI SDK",
    read: (prompt) => Array.fromAsync(streamText({ ...common, prompt }).textStream),
    async work(prompt, depthOf) {
      const depth = tool({ description, inputSchema: parameters, execute: ({ sea }) => depthOf(sea) });
      const { text } = await generateText({ ...common, prompt, tools: { depth }, stopWhen: isStepCount(5) });
      return text;
    },
    async extract(prompt) {
      const { output } = await generateText({ ...common, prompt, output: Output.object({ schema: answerSchema }) });
      return output;
    },
    async leave(prompt) {
      const controller = new AbortController();
      const { textStream } = streamText({ ...common, prompt, abortSignal: controller.signal });
      for await (const piece of textStream) if (piece !== "") controller.abort();
    },
  };
};

const textOf = ({ text }: BaseMessage): string => text;

const langchain = ({ url, key, model: id }: Target): Framework => {
  const model = new ChatOpenAI({ model: id, apiKey: key, configuration: { baseURL: `${url}/v1` }, maxRetries: 0 });
  return {
    name: "LangChain",
    async read(question) {
      return (await Array.fromAsync(await model.stream(question))).map(textOf).filter((piece) => piece !== "");
    },
    async work(question, depthOf) {
      const depth = langchainTool(({ sea }) => depthOf(sea), { name: "depth", description, schema: parameters });
      const bound = model.bindTools([depth]);
      const messages: BaseMessage[] = [new HumanMessage(question)];
      for (;;) {
        const answer = await bound.invoke(messages);
        messages.push(answer);
        if (!answer.tool_calls?.length) return textOf(answer);
        for (const call of answer.tool_calls) {
          const content = await depth.invoke(parameters.parse(call.args));
          messages.push(new ToolMessage({ content, tool_call_id: call.id ?? "" }));
        }
      }
    },
    extract: (question) =>
      model.withStructuredOutput(answerSchema, { name: "answer", method: "jsonSchema" }).invoke(question),
    async leave(question) {
      const controller = new AbortController();
      for await (const { text } of await model.stream(question, { signal: controller.signal }))
        if (text !== "") controller.abort();
    },
  };
};

const agents = ({ url, key, model: id }: Target): Framework => {
  setTracingDisabled(true);
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const model = new OpenAIChatCompletionsModel(client, id);
  const agent = new Agent({ name: "Navigator", model });
  return {
    name: "OpenAI Agents",
    async read(question) {
      const result = await run(agent, question, { stream: true });
      return Array.fromAsync(result.toTextStream());
    },
    async work(question, depthOf) {
      const depth = agentsTool({ name: "depth", description, parameters, execute: ({ sea }) => depthOf(sea) });
      const { finalOutput } = await run(new Agent({ name: "Navigator", model, tools: [depth] }), question);
      return finalOutput ?? "";
    },
    async extract(question) {
      const { finalOutput } = await run(new Agent({ name: "Navigator", model, outputType: answerSchema }), question);
      return finalOutput;
    },
    async leave(question) {
      const controller = new AbortController();
      const result = await run(agent, question, { stream: true, signal: controller.signal });
      for await (const piece of result.toTextStream()) if (piece !== "") controller.abort();
    },
  };
};

export const frameworks: readonly ((target: Target) => Framework)[] = [aiSdk, langchain, agents];
