import { describe, expect, it } from "@jest/globals";
import {
  ApplicationBook,
  type ApplyApplication,
  type ApplyOutcome,
} from "../../../src/application-registry/index.ts";
import { specOf } from "../../../src/manifest/application-schema.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";
import { FlameError } from "../../../src/model/errors.ts";

const change = (
  name: string,
  manifest: ApplicationManifestSpec = {},
  extra: Partial<ApplyApplication> = {},
): ApplyApplication => ({
  name,
  manifest,
  spec: specOf(manifest),
  origin: "api",
  author: "alice (127.0.0.1:5000)",
  ...extra,
});
const file = (path: string): Partial<ApplyApplication> => ({
  origin: "file",
  author: path,
  owner: path,
});

function refusal(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (thrown) {
    const { code, message } = FlameError.from(thrown);
    return { code, message };
  }
  throw new Error("nothing was thrown");
}

const told = (outcomes: readonly ApplyOutcome[]): string[] =>
  outcomes.map(({ name, action }) => `${name} ${action}`);

describe("an apply", () => {
  it("creates, configures and leaves alone, in order", () => {
    const book = new ApplicationBook([]);
    const first = book.apply([change("a", { command: "x" }), change("b")], {}, 1);
    expect(told(first)).toEqual(["a created", "b created"]);
    const second = book.apply(
      [change("b", { labels: ["l"] }), change("a", { command: "x" })],
      {},
      2,
    );
    expect(told(second)).toEqual(["b configured", "a unchanged"]);
    expect(second[0]).toMatchObject({ changes: [{ path: "labels", after: ["l"] }] });
    expect(book.get("b")).toMatchObject({ revision: 2, revisionTime: 2, cause: { kind: "apply" } });
    expect(book.get("a").revision).toBe(1);
  });

  it("of which one is refused changes nothing and tells every refusal", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a"), change("b"), change("kept", {}, file("/etc/kept.yaml"))], {}, 0);
    const inputs = [
      change("new"),
      change("a", { command: "x" }, { expectedRevision: 7 }),
      change("gone", {}, { expectedRevision: 2 }),
      change("kept", { command: "x" }),
      change("new", { command: "y" }),
    ];
    const { code, message } = refusal(() => book.apply(inputs, {}, 1));
    expect(code).toBe("aborted");
    expect(message).toBe(
      'application "a" is at revision 1, made by alice (127.0.0.1:5000) at 1970-01-01T00:00:00.000Z; this change expects revision 7: look at what changed meanwhile, then make the change again; ' +
        'application "gone" does not exist; this change expects revision 2: it was unregistered meanwhile; ' +
        'application "kept" is kept by /etc/kept.yaml: change it there, or force the change, which then lasts until /etc/kept.yaml is applied again; ' +
        'application "new" comes twice: in document 1 and in document 5; keep one of them',
    );
    expect(book.list().map(({ name, revision }) => [name, revision])).toEqual([
      ["a", 1],
      ["b", 1],
      ["kept", 1],
    ]);
  });

  it("that continues on errors refuses only what has to be", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a")], {}, 0);
    const inputs = [change("a", { command: "x" }, { expectedRevision: 0 }), change("b")];
    const outcomes = book.apply(inputs, { continueOnError: true }, 1);
    expect(told(outcomes)).toEqual(["a refused", "b created"]);
    expect(outcomes[0]).toMatchObject({
      error: {
        code: "aborted",
        message: expect.stringContaining("expects that it does not exist"),
      },
    });
    expect(book.get("a").revision).toBe(1);
  });

  it("that is dry decides the same and changes nothing", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a")], {}, 0);
    const outcomes = book.apply([change("a", { command: "x" }), change("b")], { dryRun: true }, 1);
    expect(told(outcomes)).toEqual(["a configured", "b created"]);
    expect(book.list().map(({ name, revision }) => [name, revision])).toEqual([["a", 1]]);
  });
});

describe("who keeps an application", () => {
  it("is the last owner that applied it, also without another manifest", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a")], {}, 0);
    const [outcome] = book.apply([change("a", {}, file("/etc/a.yaml"))], {}, 1);
    expect(outcome?.action).toBe("unchanged");
    expect(book.get("a")).toMatchObject({ owner: "/etc/a.yaml", revision: 1 });
    expect(book.get("a").createdBy).toBeUndefined();
  });

  it.each([
    ["update", (book: ApplicationBook) => book.update(change("a", { command: "x" }), 0, 2)],
    ["unregister", (book: ApplicationBook) => book.unregister("a", 0)],
    ["remove", (book: ApplicationBook) => book.remove({ name: "a", author: "alice" }, 0)],
    ["apply", (book: ApplicationBook) => book.apply([change("a", { command: "x" })], {}, 2)],
  ])("stands against %s by others, by name", (_what, act) => {
    const book = new ApplicationBook([]);
    book.apply([change("a", {}, file("/etc/a.yaml"))], {}, 1);
    const { code, message } = refusal(() => act(book));
    expect(code).toBe("invalid_state");
    expect(message).toContain('application "a" is kept by /etc/a.yaml');
    expect(book.get("a").revision).toBe(1);
  });

  it("stays when somebody else forces a change, and the revision records the force", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a", {}, file("/etc/a.yaml"))], {}, 1);
    book.apply([change("a", { command: "x" }, { force: true })], {}, 2);
    expect(book.get("a")).toMatchObject({
      owner: "/etc/a.yaml",
      createdBy: "/etc/a.yaml",
      cause: { kind: "apply", forced: true },
      author: "alice (127.0.0.1:5000)",
    });
    book.apply([change("a", {}, file("/etc/a.yaml"))], {}, 3);
    expect(book.get("a").cause).toEqual({ kind: "apply" });
  });
});

describe("who set a field", () => {
  it("is who gave it its present value; what a change left alone stays whose it was", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a", { command: "x", environments: { A: "1", B: "2" } })], {}, 1);
    const other = { command: "x", environments: { A: "1", B: "3", C: "4" } };
    book.apply([change("a", other, { author: "bob" })], {}, 2);
    const owners = Object.entries(book.get("a").fieldOwners).map(([path, { author }]) => [
      path,
      author,
    ]);
    expect(owners).toEqual([
      ["command", "alice (127.0.0.1:5000)"],
      ["environments.A", "alice (127.0.0.1:5000)"],
      ["environments.B", "bob"],
      ["environments.C", "bob"],
    ]);
  });

  it("is remembered of a removed field as long as the shipped default has it", () => {
    const book = new ApplicationBook([]);
    const shipped = { command: "x", description: "d" };
    const author = "defaults/a.yaml";
    book.seed([{ name: "a", manifest: shipped, spec: specOf(shipped), author }], 1);
    book.apply([change("a", { command: "x" })], {}, 2);
    expect(book.get("a").fieldOwners).toEqual({
      command: { origin: "default", author },
      description: { origin: "api", author: "alice (127.0.0.1:5000)" },
    });
  });
});

describe("removing an application", () => {
  it("with open sessions is refused, or disables it until they are closed", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a")], {}, 1);
    expect(refusal(() => book.remove({ name: "a", author: "alice" }, 2)).message).toBe(
      '2 open sessions in the application "a": it can be removed when they are closed',
    );
    expect(book.remove({ name: "a", author: "alice", whenUnused: true }, 2).outcome).toBe(
      "disabled",
    );
    expect(book.get("a").state).toBe("Disabled");
  });

  it("is taken back by applying it again", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a")], {}, 1);
    book.remove({ name: "a", author: "alice", whenUnused: true }, 1);
    expect(told(book.apply([change("a")], {}, 2))).toEqual(["a configured"]);
    expect(book.get("a").state).toBe("Enabled");
  });

  it("that changed meanwhile is refused with both revisions", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a")], {}, 1);
    const { code, message } = refusal(() =>
      book.remove({ name: "a", author: "alice", expectedRevision: 4 }, 0),
    );
    expect([code, message]).toEqual(["aborted", expect.stringMatching(/revision 1, .*revision 4/)]);
  });
});
