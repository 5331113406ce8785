import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Change } from "../../../../src/model/change.ts";
import type { PostgresStore } from "../../../../src/storage/postgres/postgres-store.ts";
import { PartitionProxy } from "../../../support/partition-proxy.ts";
import { freePorts } from "../../../support/ports.ts";
import { PostgresServer } from "../../../support/postgres-server.ts";
import { openPostgresStore } from "../../../support/postgres-store.ts";
import { waitFor } from "../../../support/wait-for.ts";
import { application, mine, session, task } from "../records.ts";

const start: Change[] = [
  { kind: "application.put", record: application(1) },
  { kind: "session.put", record: session() },
];
const put = (id: number): Change => ({ kind: "task.put", record: task(id) });

let server: PostgresServer;
let database: string;
beforeAll(async () => {
  server = await PostgresServer.start();
});
afterAll(() => server.remove());
beforeEach(async () => {
  database = await server.newDatabase();
});

const turn = async (): Promise<number> =>
  Number((await server.query("SELECT turn FROM start", database))[0]?.["turn"]);

describe("a connection that breaks", () => {
  let proxy: PartitionProxy;
  let store: PostgresStore;
  let silent: PostgresStore | undefined;
  let port: number;
  beforeEach(async () => {
    port = await freePorts(2);
    proxy = await PartitionProxy.start(port, server.port);
    store = await openPostgresStore(server, database, {}, { port });
    await store.commit(start);
  });
  afterEach(async () => {
    await silent?.close();
    silent = undefined;
    await store.close();
    await proxy.close();
  });

  it("before the answer of a commit came: it was made, is not made again, and resolves", async () => {
    const before = await turn();
    proxy.cut("to-node");
    const committed = store.commit([put(1)]);
    await waitFor("the commit", async () => (await turn()) === before + 1);
    proxy.cut("reset");
    proxy.heal();
    await committed;
    expect(await turn()).toBe(before + 1);
    expect((await store.readTasks(mine, 0, 10))?.map(({ id }) => id)).toEqual([1]);
  });

  it("before a commit came to the server: it is made on the next connection, once", async () => {
    const before = await turn();
    proxy.cut("to-manager");
    const committed = store.commit([put(1)]);
    proxy.cut("reset");
    proxy.heal();
    await committed;
    expect(await turn()).toBe(before + 1);
    expect((await store.readTasks(mine, 0, 10))?.map(({ id }) => id)).toEqual([1]);
  });

  it("before the answer of a read came: the read is asked again", async () => {
    await store.commit([put(1)]);
    proxy.cut("to-node");
    const read = store.readTask(mine, 1);
    proxy.cut("reset");
    proxy.heal();
    expect((await read)?.id).toBe(1);
  });

  it("without a word counts as lost after a while, and the server's end of it can commit nothing more", async () => {
    await store.close();
    const reasons: (string | undefined)[] = [];
    const onChange = (reason: string | undefined): void => void reasons.push(reason);
    const reached = { port, silenceMs: 300 };
    store = await openPostgresStore(server, database, { onChange }, reached);
    const before = await turn();
    proxy.cut("blackhole");
    const committed = store.commit([put(1)]);
    await waitFor("the loss", () => reasons.includes("nothing came from the server for 0.3 s"));
    proxy.heal();
    await committed;
    expect(await turn()).toBe(before + 1);
    expect((await store.readTasks(mine, 0, 10))?.length).toBe(1);
  });
});

describe("a server that is away", () => {
  it("is waited for, then commits and reads are refused with the reason, and go on by themselves", async () => {
    const store = await openPostgresStore(server, database, { waitMs: 300 });
    await store.commit(start);
    await server.stop();
    const refused = {
      code: "unavailable",
      message: expect.stringMatching(
        new RegExp(`^the database postgres://127.0.0.1:\\d+/${database} does not answer: .+`),
      ),
    };
    await expect(store.commit([put(1)])).rejects.toMatchObject(refused);
    await expect(store.readTask(mine, 1)).rejects.toMatchObject(refused);
    await expect(store.load()).rejects.toMatchObject(refused);
    await server.start();
    await waitFor("the store", () =>
      store.tryWrite().then(
        () => true,
        () => false,
      ),
    );
    await store.commit([put(2)]);
    expect((await store.load()).openTasks.map(({ id }) => id)).toEqual([2]);
    await store.close();
  });

  it("is not needed for a close", async () => {
    const store = await openPostgresStore(server, database);
    await server.stop();
    await store.close();
    await expect(store.commit(start)).rejects.toThrow("was closed");
    await server.start();
  });

  it("killed during commits, again and again, has each acknowledged one and no part of another", async () => {
    const rounds = 5;
    const tasksOfCommit = 50;
    const store = await openPostgresStore(server, database, { waitMs: 20_000 });
    await store.commit(start);
    let acknowledged = 0;
    let isDone = false;
    const committing = (async () => {
      while (!isDone) {
        const first = acknowledged * tasksOfCommit + 1;
        await store.commit(Array.from({ length: tasksOfCommit }, (_, i) => put(first + i)));
        acknowledged++;
      }
    })();
    for (let round = 1; round <= rounds; round++) {
      const before = acknowledged;
      await waitFor("commits", () => acknowledged >= before + 3);
      await server.kill();
      await server.start();
    }
    isDone = true;
    await committing;
    await store.close();
    const again = await openPostgresStore(server, database);
    const ids = (await again.load()).openTasks.map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: acknowledged * tasksOfCommit }, (_, i) => i + 1));
    await again.close();
  });

  it("that takes no writes is told, and writes go on when it does", async () => {
    const store = await openPostgresStore(server, database, { waitMs: 300 });
    await store.commit(start);
    const setReadOnly = async (value: string): Promise<void> => {
      await server.query(`ALTER DATABASE ${database} SET default_transaction_read_only = ${value}`);
      const ends = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`;
      await server.query(ends);
    };
    await setReadOnly("on");
    await expect(store.commit([put(1)])).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("read-only transaction"),
    });
    await setReadOnly("off");
    await waitFor("a commit", () =>
      store.commit([put(2)]).then(
        () => true,
        () => false,
      ),
    );
    await store.close();
  });
});
