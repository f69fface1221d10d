/** What an isolate remembers between requests: values only, and a bounded number of them. */
export interface Memory<Value> {
  get(key: string): Value | undefined;
  /** Remembers the value as the newest; when there are too many, the oldest is forgotten. */
  set(key: string, value: Value): void;
  delete(key: string): void;
}

export const createMemory = <Value>(most: number): Memory<Value> => {
  const values = new Map<string, Value>();
  return {
    get: (key) => values.get(key),
    set(key, value) {
      values.delete(key);
      const oldest = values.keys().next();
      if (values.size >= most && !oldest.done) values.delete(oldest.value);
      values.set(key, value);
    },
    delete: (key) => void values.delete(key),
  };
};
