/** Carries items from work that runs beside a generator into what the generator yields. */
export interface Queue<T> {
  readonly push: (item: T) => void;
  /** Looks at the condition again, without an item. */
  readonly wake: () => void;
  /** Yields what is pushed while the condition holds, then what is left. */
  while(condition: () => boolean): AsyncGenerator<T, void, void>;
  /** Yields what is pushed until the promise has settled, then what is left. */
  until(settled: Promise<unknown>): AsyncGenerator<T, void, void>;
}

export const createQueue = <T>(): Queue<T> => {
  let items: T[] = [];
  let signal = Promise.withResolvers<void>();

  const wake = () => signal.resolve();
  const push = (item: T) => {
    items.push(item);
    wake();
  };
  const take = (): readonly T[] => {
    const taken = items;
    items = [];
    return taken;
  };

  async function* whileHolds(condition: () => boolean): AsyncGenerator<T, void, void> {
    while (condition()) {
      await signal.promise;
      signal = Promise.withResolvers<void>();
      yield* take();
    }
    yield* take();
  }

  return {
    push,
    wake,
    while: whileHolds,
    async *until(settled) {
      let open = true;
      const close = () => {
        open = false;
        wake();
      };
      settled.then(close, close);
      yield* whileHolds(() => open);
    },
  };
};
