import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  FlameClient,
  type RegistryApplication,
  type RegistryChange,
} from "../../../src/client/index.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";

let manager: ManagerUnderTest;
let client: FlameClient;
let other: FlameClient;
beforeAll(async () => {
  manager = await startManager();
  client = new FlameClient({ endpoint: manager.endpoint });
  other = new FlameClient({ endpoint: manager.endpoint });
});
afterAll(async () => {
  client.close();
  other.close();
  await manager.close();
});

const yaml = (name: string, spec = "{ command: /bin/x }"): { manifest: string } => ({
  manifest: `metadata: { name: ${name} }\nspec: ${spec}\n`,
});

async function refusal(call: Promise<unknown>): Promise<[code: string, message: string]> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => FlameError.from(error),
  );
  if (thrown === undefined) throw new Error("nothing was thrown");
  return [thrown.code, thrown.message];
}

describe("Registry.Apply", () => {
  it("creates, configures and leaves alone in one commit, telling each change", async () => {
    await client.registry.apply([yaml("r1", "{ command: /bin/a }")]);
    const outcomes = await client.registry.apply([
      yaml("r1", "{ command: /bin/b, labels: [x] }"),
      yaml("r2"),
    ]);
    expect(outcomes).toEqual([
      {
        name: "r1",
        action: "configured",
        revision: 2,
        previousRevision: 1,
        changes: [
          { path: "labels", after: ["x"] },
          { path: "command", before: "/bin/a", after: "/bin/b" },
        ],
      },
      {
        name: "r2",
        action: "created",
        revision: 1,
        previousRevision: 0,
        changes: [{ path: "command", after: "/bin/x" }],
      },
    ]);
    const again = await client.registry.apply([yaml("r2")]);
    expect(again).toMatchObject([{ action: "unchanged", revision: 1 }]);
  });

  it("with one bad document tells every fault at its place and changes nothing", async () => {
    const documents = [
      yaml("r3"),
      yaml("r4", "{ comand: x, delay_release: soon }"),
      { manifest: "a: [" },
    ];
    const [code, message] = await refusal(client.registry.apply(documents));
    expect(code).toBe("invalid_argument");
    expect(message).toContain('document 2, application "r4": 2:9: spec.comand: got');
    expect(message).toContain('did you mean "command"?');
    expect(message).toContain("spec.delay_release: got");
    expect(message).toMatch(/document 3: 1:\d+/);
    expect((await refusal(client.registry.get("r3")))[0]).toBe("not_found");
  });

  it("that continues on errors applies the good ones", async () => {
    const documents = [yaml("r5"), yaml("r6", "{ command: 5 }"), yaml("r7")];
    const outcomes = await client.registry.apply(documents, { continueOnError: true });
    expect(outcomes.map(({ name, action }) => [name, action])).toEqual([
      ["r5", "created"],
      ["r6", "refused"],
      ["r7", "created"],
    ]);
    expect(outcomes[1]).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("spec.command: got 5"),
    });
  });

  it("lets nobody overwrite what another changed meanwhile", async () => {
    await client.registry.apply([yaml("r8", "{ command: /bin/a }")]);
    const seen = (await client.registry.get("r8")).revision.number;
    await other.registry.apply([{ ...yaml("r8", "{ command: /bin/b }"), expectedRevision: seen }]);
    const mine = { ...yaml("r8", "{ command: /bin/c }"), expectedRevision: seen };
    const [code, message] = await refusal(client.registry.apply([mine]));
    expect([code, message]).toEqual([
      "aborted",
      expect.stringMatching(/"r8" is at revision 2, made by \S.*; this change expects revision 1/),
    ]);
    expect((await client.registry.get("r8")).revision.manifest).toContain("/bin/b");
  });

  it.each([
    ["no document", "", "got an empty text, expected a YAML document"],
    ["two", "metadata: {name: x}\n---\nmetadata: {name: y}\n", "document 1: got 2 YAML documents"],
  ])("refuses a text with %s", async (_what, manifest, text) => {
    const [code, message] = await refusal(client.registry.apply([{ manifest }]));
    expect([code, message]).toEqual(["invalid_argument", expect.stringContaining(text)]);
  });

  it("takes what Get tells, unchanged", async () => {
    for (const name of ["flmrun", "flmping", "flmexec"]) {
      const { manifest } = (await client.registry.get(name)).revision;
      expect(await client.registry.apply([{ manifest }])).toMatchObject([{ action: "unchanged" }]);
    }
  });
});

describe("who keeps an application", () => {
  it("is asked before anybody else changes it, through the published calls too", async () => {
    const owner = "/etc/flame/kept.yaml";
    await client.registry.apply([yaml("kept")], { owner });
    const [code, message] = await refusal(client.updateApplication("kept", { command: "/x" }));
    expect([code, message]).toEqual(["invalid_argument", expect.stringContaining(owner)]);
    expect((await refusal(client.registry.apply([yaml("kept", "{ command: /x }")])))[1]).toContain(
      owner,
    );
    await client.registry.apply([yaml("kept", "{ command: /x }")], { force: true });
    const { revision, fieldOwners } = await client.registry.get("kept");
    expect(revision).toMatchObject({ number: 2, forced: true, origin: "api" });
    expect(fieldOwners).toMatchObject([{ path: "command", origin: "api", removed: false }]);
  });

  it("needs a name", async () => {
    const [code, message] = await refusal(client.registry.apply([yaml("x")], { owner: " " }));
    expect([code, message]).toEqual([
      "invalid_argument",
      expect.stringContaining("owner: got a text of 1 char"),
    ]);
  });
});

describe("revisions", () => {
  it("are told the latest first, each with its author, cause and what it changed; one can come back", async () => {
    await client.registry.apply([yaml("h", "{ command: /bin/1 }")]);
    await client.registry.apply([yaml("h", "{ command: /bin/2 }")]);
    await client.updateApplication("h", { command: "/bin/3" });
    const outcome = await client.registry.rollback("h", { to: 1 });
    expect(outcome).toMatchObject({ action: "configured", revision: 4, previousRevision: 3 });
    const revisions = await client.registry.revisions("h");
    expect(
      revisions.map(({ number, cause, restored, changes }) => [
        number,
        cause,
        restored,
        changes[0]?.after,
      ]),
    ).toEqual([
      [4, "rollback", 1, "/bin/1"],
      [3, "update", undefined, "/bin/3"],
      [2, "apply", undefined, "/bin/2"],
      [1, "apply", undefined, "/bin/1"],
    ]);
    expect(revisions.every(({ author }) => /^\S.* \(127\.0\.0\.1:\d+\)$/.test(author))).toBe(true);
    expect(await client.registry.rollback("h")).toMatchObject({
      revision: 5,
      changes: [{ after: "/bin/3" }],
    });
  });

  it("that are not there are named, with those that are", async () => {
    await client.registry.apply([yaml("h2")]);
    expect(await refusal(client.registry.rollback("h2", { to: 7 }))).toEqual([
      "not_found",
      'application "h2" has no revision 7: kept are 1',
    ]);
    expect((await refusal(client.registry.rollback("h2")))[1]).toContain("nothing to roll back to");
    expect((await refusal(client.registry.revisions("nope")))[0]).toBe("not_found");
  });

  it("stay for open sessions what they were; the next ones get the new one", async () => {
    await client.registry.apply([yaml("pin", "{ command: /bin/old }")]);
    const first = await client.createSession({ application: "pin" });
    await client.registry.apply([yaml("pin", "{ command: /bin/new }")]);
    const second = await client.createSession({ application: "pin" });
    expect(await client.registry.ofSession(first.id)).toMatchObject({
      number: 1,
      manifest: expect.stringContaining("/bin/old"),
    });
    expect(await client.registry.ofSession(second.id)).toMatchObject({ number: 2 });
    expect((await refusal(client.updateApplication("pin", {})))[1]).toContain("2 open sessions");
    expect((await client.registry.get("pin")).openSessions).toBe(2);
    expect(await client.registry.remove("pin", { whenUnused: true })).toBe(false);
    await client.closeSession(first.id);
    await client.closeSession(second.id);
    expect((await refusal(client.registry.get("pin")))[0]).toBe("not_found");
  });
});

describe("Registry.List and Watch", () => {
  it("tell the shipped ones as shipped, and where an edited one differs", async () => {
    await client.updateApplication("flmping", { command: "/bin/mine" });
    const list = await client.registry.list();
    const flmping = list.find(({ name }) => name === "flmping");
    expect(flmping).toMatchObject({ shipped: true });
    expect((flmping as RegistryApplication).drift).toContainEqual({
      path: "command",
      before: expect.any(String),
      after: "/bin/mine",
    });
    expect(list.find(({ name }) => name === "flmrun")).toMatchObject({ shipped: true, drift: [] });
    expect(list.find(({ name }) => name === "r1")).toMatchObject({ shipped: false, drift: [] });
  });

  it("a watch tells everything, then synced, then each change", async () => {
    const seen: string[] = [];
    for await (const change of client.registry.watch()) {
      seen.push(textOf(change));
      if (change.kind === "synced") {
        void other.registry.apply([yaml("w")]);
      }
      if (seen.at(-1) === "created w") void other.unregisterApplication("w");
      if (seen.at(-1) === "removed w") break;
    }
    const synced = seen.indexOf("synced");
    expect(seen.slice(0, synced)).toContain("present flmrun");
    expect(seen.slice(synced + 1)).toEqual(["created w", "removed w"]);
  });
});

function textOf(change: RegistryChange): string {
  return change.kind === "synced" ? "synced" : `${change.kind} ${change.application.name}`;
}
