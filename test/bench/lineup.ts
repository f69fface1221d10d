import { workerCards } from "../../shared/worker-cards.ts";
import type { Peers } from "./peers.ts";
import type { Row } from "./rows.ts";
import type { Edge, Running, Shoal } from "./systems.ts";

type Systems = {
  readonly upstream: Running;
  readonly floor: Edge;
  readonly shoal: Shoal;
  readonly peers: Peers | null;
};

/** The rows by name, and all of them in the order of the tables: first the direct call, then the floor. */
export type Lineup = {
  readonly floor: Row;
  readonly straight: Row;
  readonly warm: Row;
  readonly all: readonly Row[];
};

/** A worker of the provider that speaks the upstream's format. */
const card = workerCards.find(({ provider }) => provider === "openai");
export const upstreamModel = card?.upstream ?? "";
const worker = card?.id ?? "";

const chat = (url: string) => `${url}/v1/chat/completions`;

export const lineUp = ({ upstream, floor, shoal, peers }: Systems): Lineup => {
  const plain = { headers: {}, model: upstreamModel, conversation: "warm", plan: null } as const;
  const direct: Row = { ...plain, name: "direct", url: chat(upstream.url) };
  const bare: Row = { ...plain, name: "floor", url: chat(floor.url) };

  const ours = { url: chat(shoal.url), headers: { authorization: `Bearer ${shoal.key}` } };
  const straight: Row = {
    ...ours,
    name: "straight through",
    model: worker,
    conversation: "warm",
    plan: /source=client/,
  };
  const mini = { ...ours, model: "shoal-mini" };
  const warm: Row = { ...mini, name: "Mini, warm", conversation: "warm", plan: /source=affinity/ };
  const cold: Row = { ...mini, name: "Mini, cold", conversation: "cold", plan: /source=(conductor|edge_head)/ };

  const others = (peers?.rows ?? []).map((peer) => ({ ...plain, ...peer }));
  return { floor: bare, straight, warm, all: [direct, bare, straight, warm, cold, ...others] };
};
