import { textOfRecording, type Recording, type RecordingSet } from "./recordings.ts";

/** A recorded prompt as training sees it. */
export type Prompt = {
  readonly set: string;
  readonly id: string;
  readonly problem: string;
  readonly domain: string;
  /** Task type: the domain, told apart by the instruction where the set has one. For training only. */
  readonly type: string;
  /** What a router would have seen: with the instruction, and where there is one also without. Empty: text unknown. */
  readonly texts: readonly string[];
  readonly models: Recording["models"];
  /** How the answers were graded, where the recording says so. */
  readonly verifier?: NonNullable<Recording["verifier"]>;
};

const maxTypeName = 64;

export const toPrompts = (set: RecordingSet): readonly Prompt[] =>
  set.recordings.map((recording) => ({
    set: set.name,
    id: recording.id,
    problem: recording.problem,
    domain: recording.domain,
    type: typeOf(recording),
    texts: textsOf(recording),
    models: recording.models,
    ...(recording.verifier !== undefined && { verifier: recording.verifier }),
  }));

export const isReadable = (prompt: Prompt): boolean => prompt.texts.length > 0;

const typeOf = ({ domain, instruction }: Recording): string =>
  (instruction === undefined ? domain : `${domain}: ${instruction}`).slice(0, maxTypeName);

const textsOf = (recording: Recording): readonly string[] => {
  if (recording.prompt === null) return [];
  const whole = textOfRecording(recording, { instruction: true });
  return recording.instruction === undefined ? [whole] : [whole, textOfRecording(recording, { instruction: false })];
};
