import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import Database from "better-sqlite3";
import type { ApplicationSpec } from "../../../src/model/application-spec.ts";
import type { Change } from "../../../src/model/change.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import { waitFor } from "../../support/wait-for.ts";

const spec: ApplicationSpec = {
  shim: "Host",
  labels: [],
  arguments: [],
  environments: {},
  max_instances: 1,
  delay_release: 1,
  max_crashes: 5,
  max_lost_nodes: 10,
};
const application: Change = {
  kind: "application.put",
  record: {
    name: "a",
    state: "Enabled",
    creationTime: 1,
    revision: 1,
    revisionTime: 1,
    origin: "api",
    author: "test",
    cause: { kind: "register" },
    fieldOwners: {},
    manifest: {},
    spec,
  },
};
const session: Change = {
  kind: "session.put",
  record: {
    id: "a-1",
    application: "a",
    applicationRevision: 1,
    state: "Closed",
    creationTime: 1,
    completionTime: 2,
    resreq: { cpu: 1, memory: 1, gpu: 0 },
    minInstances: 0,
    priority: 0,
    owner: "test",
    events: [],
  },
};
const task = (id: number): Change => ({
  kind: "task.put",
  record: {
    sessionId: "a-1",
    id,
    state: "Succeed",
    creationTime: 1,
    completionTime: 2,
    attempt: 1,
    crashes: 0,
    lostNodes: 0,
    term: 0,
    inputBytes: 4096,
    events: [],
  },
  input: Buffer.alloc(4096, id),
});

let folder: string;
let file: string;
const migrationsFolder = join(process.cwd(), "migrations", "sqlite");
const open = (): SqliteStore =>
  new SqliteStore({ file, migrationsFolder, fillDefaults: () => spec, now: 1 });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flame-sqlite-"));
  file = join(folder, "flame.db");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("the database file", () => {
  it("becomes smaller after a session with large payloads was deleted", async () => {
    const store = open();
    await store.commit([
      application,
      session,
      ...Array.from({ length: 2000 }, (_, i) => task(i + 1)),
    ]);
    await store.commit([{ kind: "session.delete", id: "a-1" }]);
    while (await store.cleanUp());
    await store.close();
    expect(statSync(file).size).toBeLessThan(1_000_000);
  });

  it("loses a session of many tasks in pieces: no transaction is long, the log stays small", async () => {
    const store = open();
    const tasks = Array.from({ length: 5000 }, (_, i) => task(i + 1));
    await store.commit([application, session, ...tasks]);
    const reader = new Database(file, { readonly: true });
    const left = (): number =>
      reader.prepare<[], { n: number }>("SELECT count(*) AS n FROM tasks").get()?.n ?? -1;
    await store.commit([{ kind: "session.delete", id: "a-1" }]);
    expect(left()).toBe(5000);
    const pieces: number[] = [];
    for (let before = 5000; before > 0; before = left()) {
      await store.cleanUp();
      pieces.push(before - left());
    }
    expect(Math.max(...pieces)).toBeLessThanOrEqual(1000);
    expect(Math.min(...pieces)).toBeGreaterThan(0);
    expect(store.isLeaving("a-1")).toBe(false);
    expect(statSync(`${file}-wal`).size).toBeLessThan(64 * 1024 * 1024);
    reader.close();
    await store.close();
  });

  it("has a log that becomes small again after a large commit", async () => {
    const store = open();
    const input = Buffer.alloc(4_000_000);
    const large = (id: number): Change => ({ ...task(id), input }) as Change;
    await store.commit([
      application,
      session,
      ...Array.from({ length: 20 }, (_, i) => large(i + 1)),
    ]);
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(70_000_000);
    await store.commit([large(21)]);
    await store.commit([large(22)]);
    expect(statSync(`${file}-wal`).size).toBeLessThanOrEqual(64 * 1024 * 1024);
    await store.close();
  });

  it("has a log that is emptied to give room back while it is being folded", async () => {
    const store = open();
    const input = Buffer.alloc(50_000_000);
    await store.commit([application, session, { ...task(1), input } as Change]);
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(50_000_000);
    const isBeingFolded = (): boolean => statSync(file).size > 1_000_000;
    await waitFor("the log is being folded", isBeingFolded, { intervalMs: 1 });
    await store.giveBack();
    expect(statSync(`${file}-wal`).size).toBe(0);
    await store.close();
  });

  it("that is damaged is refused with what to do, and left as it is", async () => {
    const store = open();
    await store.commit([
      application,
      session,
      ...Array.from({ length: 500 }, (_, i) => task(i + 1)),
    ]);
    await store.close();
    const bytes = readFileSync(file);
    bytes.fill(0x5a, 8 * 4096, 40 * 4096);
    writeFileSync(file, bytes);
    expect(open).toThrow(
      /the database .*flame\.db is damaged; put a backup in its place with flame restore FILE, or move it away/,
    );
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it("that is none is refused in the same way", () => {
    writeFileSync(
      file,
      "this is a text, and a longer one than any header of a database would be".repeat(20),
    );
    expect(open).toThrow(/is damaged/);
  });

  it("in a folder that cannot be made is refused with the key to look at", () => {
    writeFileSync(join(folder, "taken"), "");
    file = join(folder, "taken", "flame.db");
    expect(open).toThrow(/cannot open the database .*check cluster\.storage/);
  });
});
