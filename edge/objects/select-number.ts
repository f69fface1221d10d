/** The single number `n` that a query selects; null when it selects none. */
export const selectNumber = (sql: SqlStorage, query: string, ...values: SqlStorageValue[]): number | null =>
  sql.exec<{ n: number | null }>(query, ...values).toArray()[0]?.n ?? null;
