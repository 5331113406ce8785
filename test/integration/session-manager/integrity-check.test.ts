import { closeSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { startIntegrityCheck } from "../../../src/session-manager/storage/integrity-check.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

let folder: { path: string; remove: () => void };
let file: string;
let store: SqliteStore | undefined;

const open = (): SqliteStore =>
  new SqliteStore({
    file,
    migrationsFolder: join(process.cwd(), "migrations", "sqlite"),
    fillDefaults: () => {
      throw new Error("there is no application");
    },
    now: 1,
  });

beforeEach(() => {
  folder = temporaryFolder("integrity");
  file = join(folder.path, "flame.db");
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  folder.remove();
});

async function fill(megabytes: number): Promise<void> {
  const filling = open();
  const resreq = { cpu: 1, memory: 1, gpu: 0 };
  const common = { application: "a", applicationRevision: 1, creationTime: 1, owner: "t" } as const;
  const state = { state: "Closed", minInstances: 0, priority: 0, events: [], resreq } as const;
  await filling.commit([
    { kind: "session.put", record: { ...common, ...state, id: "s", completionTime: 1 } },
  ]);
  for (let id = 1; id <= megabytes; id++) {
    const input = Buffer.alloc(1024 * 1024, id);
    const ended = { state: "Succeed", creationTime: 1, completionTime: 1, events: [] } as const;
    const numbers = { id, inputBytes: input.length, attempt: 1, crashes: 0, lostNodes: 0, term: 0 };
    const record = { sessionId: "s", ...ended, ...numbers };
    await filling.commit([{ kind: "task.put", record, input }]);
  }
  await filling.close();
}

/** In the middle of the file, as a bad sector would. */
function damage(): void {
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, Buffer.alloc(64 * 4096, 0x5a), 0, 64 * 4096, 4096 * 2_000);
  closeSync(descriptor);
}

async function checked(): Promise<{ damage: Error[]; told: string[] }> {
  const found: { damage: Error[]; told: string[] } = { damage: [], told: [] };
  const note = (_fields: object, text: string): void => {
    found.told.push(text);
  };
  const logger: Logger = { ...silentLogger, info: note, warn: note };
  startIntegrityCheck({ file, logger, onDamage: (error) => found.damage.push(error) });
  await waitFor("the check", () => found.damage.length + found.told.length > 0);
  return found;
}

describe("the check of a database", () => {
  it("is made before it serves when that takes no time", async () => {
    await fill(1);
    store = open();
    expect(store.unchecked).toBeUndefined();
  });

  it("of a large one is made beside serving, and finds it whole while it is written", async () => {
    await fill(34);
    store = open();
    expect(store.unchecked).toBe(file);
    const found = checked();
    await store.commit([{ kind: "session.delete", id: "s" }]);
    while (await store.cleanUp());
    expect(await found).toEqual({ damage: [], told: ["the database was checked and is whole"] });
  });

  it("of a large one that is damaged says so, with what to do", async () => {
    await fill(34);
    damage();
    store = open();
    const found = await checked();
    expect(found.told).toEqual([]);
    expect(found.damage[0]?.message).toMatch(
      /the database .*flame\.db is damaged; put a backup in its place with flame restore FILE, .*: .+/s,
    );
    expect(statSync(file).size).toBeGreaterThan(34_000_000);
  });

  it("that cannot be made is told, and ends nothing", async () => {
    const found = await checked();
    expect(found).toEqual({ damage: [], told: ["the database could not be checked"] });
  });

  it("is ended with the session manager, without a word", async () => {
    await fill(34);
    damage();
    const told: unknown[] = [];
    const logger: Logger = { ...silentLogger, warn: (fields) => told.push(fields) };
    const onDamage = (error: Error): void => {
      told.push(error);
    };
    startIntegrityCheck({ file, logger, onDamage })();
    // The next one, which is not ended, takes at least as long.
    await checked();
    expect(told).toEqual([]);
  });
});
