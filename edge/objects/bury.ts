import { migrate } from "./migrate.ts";

const marked = "CREATE TABLE IF NOT EXISTS buried (at INTEGER NOT NULL)";

/** Empties an object's storage and leaves its tables, empty, with a mark that nothing is to be kept in them any more. */
export const bury = async (state: DurableObjectState, steps: readonly string[], now: number): Promise<void> =>
  state.blockConcurrencyWhile(async () => {
    await state.storage.deleteAlarm();
    await state.storage.deleteAll();
    migrate(state.storage, steps);
    state.storage.sql.exec(marked);
    state.storage.sql.exec("INSERT INTO buried (at) VALUES (?)", now);
  });

/** Whether the object's tenant was deleted: what requests on their way still bring is thrown away. */
export const isBuried = (sql: SqlStorage): boolean =>
  sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'buried'").toArray().length > 0;
