import * as z from "zod";
import { lastUserText, systemText, type ChatRequest, type Message } from "../chat.ts";

/** Characters of a request that a planner gets to read, and earlier turns that it is told of. */
const limits = { system: 1_000, text: 8_000, earlier: 12 } as const;

/** What a planner is told of a request: the last user turn in words, all before it by its size. */
export const plannerTaskSchema = z.strictObject({
  system: z.string().max(limits.system),
  /** Without its middle where it is too long. */
  text: z.string().max(limits.text),
  /** Images and documents of the last user turn. */
  attachments: z.int().min(0),
  /** Oldest first. */
  earlier: z
    .array(z.strictObject({ role: z.enum(["user", "assistant", "tool"]), characters: z.int().min(0) }))
    .max(limits.earlier),
});
export type PlannerTask = z.infer<typeof plannerTaskSchema>;

export const plannerTask = ({ messages }: Pick<ChatRequest, "messages">): PlannerTask => {
  const at = messages.findLastIndex(({ role }) => role === "user");
  const last = messages[at];
  return {
    system: cutMiddle(systemText(messages), limits.system),
    text: cutMiddle(lastUserText(messages), limits.text),
    attachments: last?.role === "user" ? last.content.filter(({ type }) => type !== "text").length : 0,
    earlier: messages.slice(0, Math.max(0, at)).flatMap(sizeOf).slice(-limits.earlier),
  };
};

/** The same task in at most so many characters of the user's words. */
export const shorten = (task: PlannerTask, characters: number): PlannerTask => ({
  ...task,
  text: cutMiddle(task.text, characters),
});

const gap = "\n[...]\n";

/** A text of at most so many characters: what matters mostly stands at one of its ends. */
export const cutMiddle = (text: string, characters: number): string => {
  if (text.length <= characters) return text;
  const tail = Math.floor(characters / 4);
  const head = characters - gap.length - tail;
  return `${text.slice(0, head)}${gap}${text.slice(-tail)}`.toWellFormed();
};

const sizeOf = (message: Message): PlannerTask["earlier"] =>
  message.role === "system"
    ? []
    : [
        {
          role: message.role,
          characters: message.content.reduce((sum, part) => sum + ("text" in part ? part.text.length : 0), 0),
        },
      ];
