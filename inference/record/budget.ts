/** Dollars that may be spent. A call holds the most it can cost until what it did cost is known. */
export type Budget = {
  /** Whether a call with this bound can start now without the budget being passed, whatever the open ones cost. */
  fits(bound: number): boolean;
  hold(bound: number): void;
  /** Ends what was held for a call. */
  settle(bound: number, cost: number): void;
  readonly spent: number;
};

/** Decimal dollars leave a residue in binary. */
const residue = 1e-9;

export const createBudget = (limit: number, alreadySpent: number): Budget => {
  let spent = alreadySpent;
  let held = 0;
  return {
    fits: (bound) => spent + held + bound <= limit + residue,
    hold(bound) {
      held += bound;
    },
    settle(bound, cost) {
      held -= bound;
      spent += cost;
    },
    get spent() {
      return spent;
    },
  };
};
