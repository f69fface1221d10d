import { DurableObject } from "cloudflare:workers";
import { bury, isBuried } from "../bury.ts";
import { cachedAnswersSchema, createCachedAnswers, type CachedAnswer } from "./cached-answers.ts";
import { migrate } from "../migrate.ts";
import { wakeBy } from "../wake-by.ts";

const bounds = { answers: 2_000, bytes: 32 * 1024 * 1024 } as const;
/** What has expired is deleted this much later at most. */
const sweepMs = 60_000;

/** A part of one tenant's cache: answers that may be given again, encrypted, until they expire or others need the room. */
export class CacheShard extends DurableObject {
  private readonly answers: ReturnType<typeof createCachedAnswers>;

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env);
    this.answers = createCachedAnswers(state.storage.sql, bounds);
    void state.blockConcurrencyWhile(async () => migrate(state.storage, [cachedAnswersSchema]));
  }

  /** The answer as it was encrypted; null when there is none that has not expired. */
  async find(key: string): Promise<string | null> {
    return this.answers.find(key, Date.now());
  }

  async keep(answer: CachedAnswer): Promise<void> {
    if (isBuried(this.ctx.storage.sql)) return;
    const now = Date.now();
    this.ctx.storage.transactionSync(() => this.answers.keep(answer, now));
    await this.wakeForExpiry(now);
  }

  /** Empties it for good. */
  async bury(): Promise<void> {
    this.answers.clear();
    await bury(this.ctx, [cachedAnswersSchema], Date.now());
  }

  async clear(): Promise<void> {
    this.answers.clear();
    await this.ctx.storage.deleteAlarm();
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    this.answers.forgetExpired(now);
    await this.wakeForExpiry(now);
  }

  /** Once a minute at most, however many expire. */
  private async wakeForExpiry(now: number): Promise<void> {
    const next = this.answers.nextExpiry();
    if (next === null) return;
    await wakeBy(this.ctx.storage, Math.max(next, now + sweepMs));
  }
}
