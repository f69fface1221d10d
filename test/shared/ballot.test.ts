import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ballotSchema, tally, type Ballot, type Coefficients, type Vote } from "../../shared/ballot.ts";

const coefficients: Coefficients = {
  agree: 0.8,
  agreeLogit: 0.7,
  none: 0.5,
  noneDistinct: 0.4,
  noneUnread: 0.1,
  read: 3,
  right: 0,
  rightLogit: 1,
  repeat: -1,
};

const ballotOf = (logits: readonly number[], rest: Partial<Ballot> = {}): Ballot => ({
  extractor: "number",
  order: logits.map((logit, at) => ({ worker: `w${at}`, logit, costDollars: 0.001 })),
  wave: 1,
  coefficients,
  lambda: 5,
  judge: "w0",
  ...rest,
});

const vote = (worker: number, answer: string | null): Vote => ({ worker: `w${worker}`, answer });

describe("tally", () => {
  it("asks the first wave when nobody has voted", () => {
    expect(tally(ballotOf([2, 1, 1, 1], { wave: 2 }), [])).toEqual({ decided: false, ask: ["w0", "w1"] });
  });

  it("is content with one vote of a worker that is hardly ever wrong", () => {
    const state = tally(ballotOf([8, 0, 0]), [vote(0, "4")]);
    expect(state).toMatchObject({ decided: true, winner: { answer: "4", worker: "w0" } });
  });

  it("asks on while near-equals disagree and stops when they agree", () => {
    const ballot = ballotOf([1.2, 1.1, 1, 1], { lambda: 50 });
    expect(tally(ballot, [vote(0, "4"), vote(1, "5")])).toEqual({ decided: false, ask: ["w2"] });
    expect(tally(ballot, [vote(0, "4"), vote(1, "5"), vote(2, "5")])).toMatchObject({ winner: { answer: "5" } });
  });

  it("counts numbers that differ by rounding as one answer", () => {
    const votes = [vote(0, "0.333333333333"), vote(1, "0.3333333"), vote(2, "0.5")];
    expect(tally(ballotOf([1, 1, 1]), votes)).toMatchObject({ winner: { answer: "0.333333333333" } });
  });

  it("stops when the next call costs more than it can gain", () => {
    const dear = ballotOf([1.2, 1.1, 1], { lambda: 1000 });
    expect(tally(dear, [vote(0, "4")])).toMatchObject({ decided: true, winner: { worker: "w0" } });
  });

  it("stops when the remaining votes cannot change the leader", () => {
    const free = ballotOf([1, 1, 1, 1, -3], { lambda: 0 });
    const votes = [vote(0, "4"), vote(1, "4"), vote(2, "4"), vote(3, "4")];
    expect(tally(free, votes)).toMatchObject({ decided: true, winner: { answer: "4" } });
  });

  it("names the highest-rated of those that agree", () => {
    const ballot = ballotOf([0, 2, 1], { lambda: 0 });
    const state = tally(ballot, [vote(2, "x"), vote(0, "x"), vote(1, "x")]);
    expect(state).toMatchObject({ winner: { worker: "w1" } });
  });

  it("asks another worker after one that could not be read", () => {
    expect(tally(ballotOf([8, 1]), [vote(0, null)])).toEqual({ decided: false, ask: ["w1"] });
  });

  it("leaves the answer to the judge when most abstain", () => {
    const votes = [vote(0, null), vote(1, "4"), vote(2, null)];
    expect(tally(ballotOf([1, 1, 1]), votes)).toEqual({ decided: true, winner: null });
    expect(tally(ballotOf([1, 1]), [vote(0, null), vote(1, null)])).toEqual({ decided: true, winner: null });
  });

  it("counts one vote of each worker on the ballot and no other", () => {
    const ballot = ballotOf([1, 1]);
    const votes = [vote(0, "a"), vote(0, "b"), { worker: "stranger", answer: "b" }, vote(1, "a")];
    expect(tally(ballot, votes)).toEqual(tally(ballot, [vote(0, "a"), vote(1, "a")]));
  });

  const anyBallot = fc
    .record({
      logits: fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 8 }),
      wave: fc.integer({ min: 1, max: 5 }),
      lambda: fc.double({ min: 0, max: 1000, noNaN: true }),
    })
    .map(({ logits, wave, lambda }) => ballotOf(logits, { wave, lambda }));
  const anyAnswer = fc.option(fc.constantFrom("a", "b", "c"), { nil: null });

  it("ends after at most one vote of each worker, with a probability", () => {
    fc.assert(
      fc.property(anyBallot, fc.array(anyAnswer, { minLength: 8, maxLength: 8 }), (ballot, answers) => {
        expect(ballotSchema.safeParse(ballot).success).toBe(true);
        const votes: Vote[] = [];
        for (let state = tally(ballot, votes); !state.decided; state = tally(ballot, votes)) {
          expect(state.ask.length).toBeGreaterThan(0);
          expect(state.ask.length).toBeLessThanOrEqual(ballot.wave);
          for (const worker of state.ask) {
            expect(votes.some((cast) => cast.worker === worker)).toBe(false);
            votes.push({ worker, answer: answers[Number(worker.slice(1))] ?? null });
          }
        }
        const end = tally(ballot, votes);
        if (!end.decided || !end.winner) return;
        expect(end.winner.probability).toBeGreaterThan(0);
        expect(end.winner.probability).toBeLessThanOrEqual(1);
        expect(votes).toContainEqual({ worker: end.winner.worker, answer: end.winner.answer });
      }),
    );
  });

  it("does not depend on the order in which votes arrive", () => {
    const votes = [vote(0, "a"), vote(1, "b"), vote(2, null), vote(3, "a")];
    fc.assert(
      fc.property(anyBallot, fc.shuffledSubarray(votes, { minLength: 4 }), (ballot, shuffled) => {
        const [first, second] = [tally(ballot, votes), tally(ballot, shuffled)];
        expect(second.decided).toBe(first.decided);
      }),
    );
  });
});
