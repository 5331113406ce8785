import type { Statement } from "better-sqlite3";

/**
 * The rows of a query as one object that is filled anew for each: what wants to keep something has to copy it. A start
 * reads very many rows, and an object for each of them would cost more than all the rest.
 */
export function* reusedRows<Row extends object>(statement: Statement<[]>): Generator<Row> {
  const names = statement.columns().map(({ name }) => name);
  const row: Record<string, unknown> = {};
  for (const values of statement.raw().iterate() as IterableIterator<unknown[]>) {
    for (let index = 0; index < names.length; index++) row[names[index] ?? ""] = values[index];
    yield row as Row;
  }
}
