import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { Link } from "../../../../src/storage/postgres/link.ts";
import { statement } from "../../../../src/storage/postgres/statement.ts";
import { PostgresServer } from "../../../support/postgres-server.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.remove());

it("a commit waits for the disk, also where the database, the user and the url say that it need not", async () => {
  const database = await server.newDatabase();
  const relaxed = "synchronous_commit = off";
  await server.query(`ALTER DATABASE ${database} SET ${relaxed}`);
  await server.query(`ALTER ROLE flame IN DATABASE ${database} SET ${relaxed}`);
  const show = "SHOW synchronous_commit";
  expect(await server.query(show, database)).toEqual([{ synchronous_commit: "off" }]);
  const options = "-c synchronous_commit=off";
  const link = await Link.open({ ...server.connection(database), options, silenceMs: 10_000 });
  try {
    expect(await link.rows(statement("", show))).toEqual([{ synchronous_commit: "on" }]);
  } finally {
    link.close();
  }
});
