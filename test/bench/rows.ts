import type { Agent } from "node:http";
import { ask, readAnswer, textOf, type Answer, type Reply, type Target } from "./client.ts";
import { answerOf, writeFirstTurn, writeQuestion, type Pace } from "./workload.ts";

/** One way from the client to the upstream. */
export type Row = Target & {
  readonly name: string;
  readonly model: string;
  /** `warm`: every request continues one conversation. `cold`: each continues another that nobody has seen. */
  readonly conversation: "warm" | "cold";
  /** What the gateway says of its plan; null where it says nothing. A trace of another way is a wrong answer. */
  readonly plan: RegExp | null;
};

export type Io = {
  readonly agent: Agent;
  readonly now: () => number;
  /** A number that no request has had. */
  readonly nextRequest: () => number;
};

/** In milliseconds. Without streaming there is nothing to see before the end. */
export type Sample = {
  readonly total: number;
  readonly firstDelta: number | null;
  /** The longest wait between two deltas. */
  readonly longestGap: number | null;
  /** The plan was made without the conductor, which was late or refused. */
  readonly fellBack: boolean;
};

export type Outcome = { readonly sample: Sample } | { readonly problem: string };

const warmConversation = 0;

/** Opens the conversation that warm requests continue. Throws when it is refused. */
export const openConversation = async (row: Row, io: Io): Promise<void> => {
  const reply = await ask(row, writeFirstTurn(row.model, warmConversation), io);
  if (reply.status !== 200) throw new Error(`${row.name}: the first turn was answered ${describeReply(reply)}`);
};

/** Asks a row once and checks the answer to the last character. Never rejects. */
export const tryRow = async (
  row: Row,
  { pace, stream }: { readonly pace: Pace; readonly stream: boolean },
  io: Io,
): Promise<Outcome> => {
  const number = io.nextRequest();
  const conversation = row.conversation === "warm" ? warmConversation : number;
  const body = writeQuestion({ model: row.model, pace, stream, request: number, conversation });
  const fail = (problem: string) => ({ problem: `${row.name}: ${problem}` });
  try {
    const reply = await ask(row, body, io);
    if (reply.status !== 200) return fail(describeReply(reply));
    const answer = readAnswer(reply, stream);
    if (!answer.complete || answer.content !== answerOf(number).join("")) return fail(`wrong: ${describeReply(reply)}`);
    if (row.plan !== null && !row.plan.test(reply.plan ?? ""))
      return fail(`went by the plan ${reply.plan ?? "of nobody"}`);
    return { sample: toSample(reply, answer) };
  } catch (error) {
    return fail(String(error));
  }
};

const describeReply = (reply: Reply): string => `${reply.status} ${textOf(reply).slice(0, 500)}`;

const toSample = (reply: Reply, { deltasAt }: Answer): Sample => ({
  total: reply.endedAt - reply.startedAt,
  firstDelta: deltasAt[0] ?? null,
  longestGap: deltasAt.length === 0 ? null : Math.max(...deltasAt.map((at, index) => at - (deltasAt[index - 1] ?? at))),
  fellBack: reply.plan?.includes("fallback=") ?? false,
});
