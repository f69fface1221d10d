import type { ShoalError } from "../../shared/errors.ts";
import { err, type Result } from "../../shared/result.ts";
import type { ClientRequest, KeptTurn, Recall } from "../formats/format.ts";
import type { Objects } from "../objects/objects.ts";
import type { StoredTurn } from "../objects/records.ts";
import { createSealer } from "../runtime/seal.ts";
import type { Settings } from "../runtime/settings.ts";

/**
 * Turns that clients leave with us: each holds what its request added and its answer, encrypted, in the tenant's log
 * for thirty days after it was last used. A conversation is the list of them that leads to the newest.
 */
export interface KeptTurns {
  /** A request that continues kept turns, with them in place. */
  recall(recall: Recall): Promise<Result<ClientRequest, ShoalError>>;
  keep(turn: KeptTurn): Promise<void>;
  read(id: string): Promise<KeptTurn | null>;
  /** False when there was none. */
  remove(id: string): Promise<boolean>;
}

export type KeptTurnsDeps = {
  readonly settings: Pick<Settings, "keySecret">;
  readonly objects: Pick<Objects, "tenantLog">;
  readonly newId: () => string;
};

export const createKeptTurns = (tenant: string, { settings, objects, newId }: KeptTurnsDeps): KeptTurns => {
  const sealer = createSealer(settings.keySecret, newId);
  const purposeOf = (id: string) => `turn ${tenant} ${id}`;

  /** Null when it was sealed under a secret that is no longer ours. */
  const open = async ({ id, sealed }: StoredTurn): Promise<KeptTurn | null> => {
    const text = await sealer.open(sealed, purposeOf(id));
    return text === null ? null : parseTurn(text);
  };
  const openAll = async (stored: readonly StoredTurn[]): Promise<readonly KeptTurn[]> =>
    (await Promise.all(stored.map(open))).filter((turn) => turn !== null);

  return {
    async recall(recall) {
      const found = await objects.tenantLog(tenant).findTurns(recall.after?.turn ?? null, recall.others);
      if (found === "too large") return err(tooLarge);
      const [after, others] = await Promise.all([openAll(found.after ?? []), openAll(found.others)]);
      const whole = found.after !== null && after.length === found.after.length;
      return recall.join({ after: whole ? after : null, others });
    },
    async keep(turn) {
      const { id, previous } = turn;
      const sealed = await sealer.seal(JSON.stringify(turn), purposeOf(id));
      await objects.tenantLog(tenant).keepTurn({ id, previous, sealed });
    },
    async read(id) {
      const stored = await objects.tenantLog(tenant).readTurn(id);
      return stored && open(stored);
    },
    remove: (id) => objects.tenantLog(tenant).removeTurn(id),
  };
};

const tooLarge: ShoalError = {
  kind: "invalid_request",
  param: "previous_response_id",
  message: "the conversation is too large to continue: send what matters of it as input",
};

const parseTurn = (text: string): KeptTurn => {
  const turn: KeptTurn = JSON.parse(text);
  return turn;
};
