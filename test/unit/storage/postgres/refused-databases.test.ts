import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { PostgresServer } from "../../../support/postgres-server.ts";
import { openPostgresStore } from "../../../support/postgres-store.ts";
import { application, session } from "../records.ts";

let server: PostgresServer;
let database: string;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.remove());
beforeEach(async () => {
  database = await server.newDatabase();
});

const open = (name = database) => openPostgresStore(server, name, { startWaitMs: 8_000 });

describe("a database is refused in words", () => {
  it("when it has tables of somebody else", async () => {
    await server.query("CREATE TABLE invoices (id int)", database);
    await expect(open()).rejects.toMatchObject({
      code: "invalid_config",
      message: `database postgres://127.0.0.1:${server.port}/${database} has tables that are not Flame's (such as invoices); name an empty database in cluster.storage`,
    });
  });

  it("when it has migrations of somebody else", async () => {
    await server.query("CREATE TABLE schema_migrations (version varchar)", database);
    await expect(open()).rejects.toThrow("such as schema_migrations");
  });

  it("when a newer Flame wrote it", async () => {
    await (await open()).close();
    await server.query("INSERT INTO schema_migrations VALUES (9999, 'later', 1)", database);
    await expect(open()).rejects.toThrow(
      /has schema version 9999, this program knows versions up to \d+: it was written by a newer Flame/,
    );
  });

  it("when it cannot hold all texts", async () => {
    const make = `CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`;
    await server.query(make);
    await expect(open("latin")).rejects.toThrow("has the encoding LATIN1, expected UTF8");
  });

  it("when it is not there, at once", async () => {
    await expect(open("nowhere")).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringMatching(
        /^cannot open the database .*\/nowhere: database "nowhere" does not exist; check cluster.storage$/,
      ),
    });
  });

  it("when another one has it, who is named; it is free when that one has ended", async () => {
    const first = await openPostgresStore(server, database, {
      owner: { program: "flame-session-manager", home: "/srv/flame" },
    });
    await expect(open()).rejects.toMatchObject({
      code: "already_exists",
      message: expect.stringMatching(
        /is in use by flame-session-manager \(process \d+ on host ".+", FLAME_HOME "\/srv\/flame"\)/,
      ),
    });
    await first.close();
    const second = await open();
    expect(second.startNumber).toBe(2);
    await second.close();
  });
});

describe("a store whose database another one has started on", () => {
  it("commits nothing more, and says who that was", async () => {
    const store = await open();
    await store.commit([{ kind: "application.put", record: application(1) }]);
    const text =
      "UPDATE start SET number = number + 1, id = 'other/1', who = 'somebody', time = 1790000000000";
    await server.query(text, database);
    await expect(store.commit([{ kind: "session.put", record: session() }])).rejects.toMatchObject({
      code: "aborted",
      message: expect.stringContaining(
        "belongs to another one by now: somebody started on it at 2026-09-21T14:13:20.000Z (start 2, this is start 1); nothing was written",
      ),
    });
    expect(await server.query("SELECT id FROM sessions", database)).toEqual([]);
    await store.close();
  });
});

describe("what PostgreSQL cannot keep", () => {
  it("a NUL in a text stands there as a sign for what cannot be shown, and is looked for so", async () => {
    const store = await open();
    const record = session({ id: "a\0b", owner: "o\0" });
    await store.commit([{ kind: "session.put", record }]);
    const { sessions } = await store.load();
    expect(sessions[0]?.record).toEqual({ ...record, id: "a\ufffdb", owner: "o\ufffd" });
    expect(await store.readTasks({ id: "a\0b", creationTime: 2000 }, 0, 1)).toEqual([]);
    await store.close();
  });
});
