import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import {
  type WatchedChange,
  watchApplications,
} from "../../../src/cli/flmctl/show/watch-applications.ts";
import type {
  AbsentApplication,
  RegistryApplication,
  RegistryChange,
} from "../../../src/client/index.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { application, fakeContext } from "./tools.ts";

const time = new Date(Date.UTC(2026, 0, 2, 20, 31, 51));
const reason = `5:3: spec.ulr: got the unknown key "ulr", expected one of ${"x".repeat(200)}`;
const fault = { source: "conf/applications/a.yaml", reason, time };

function known(name: string, over: Partial<RegistryApplication> = {}): RegistryApplication {
  const manifest = `metadata:\n  name: ${name}\nspec: {}\n`;
  const revision = {
    name,
    number: 1,
    time,
    origin: "api",
    author: "me",
    cause: "apply",
    forced: false,
    manifest,
    changes: [],
  } as const;
  return {
    name,
    state: "Enabled",
    creationTime: time,
    revision,
    fieldOwners: [],
    drift: [],
    shipped: false,
    faults: [],
    ...over,
  };
}
const absent = (name: string): AbsentApplication => ({ name, faults: [fault] });

async function listed(
  applications: (RegistryApplication | AbsentApplication)[],
  ...argv: string[]
): Promise<string> {
  const present = applications.filter(({ revision }) => revision !== undefined);
  const cluster = {
    listApplications: async () => present.map(({ name }) => application({ name, spec: {} })),
    getApplication: async (name: string) => application({ name, spec: {} }),
    registry: { list: async () => applications, get: async () => applications[0] },
  };
  const context = fakeContext(cluster as never);
  expect(await flmctl(argv, context)).toBe(0);
  return context.out();
}

describe("the STATUS of flmctl list app", () => {
  it("tells what is wrong with the sources first, then what is unusual", async () => {
    const drift = [{ path: "command", before: "a" }];
    const all = [
      known("fine"),
      known("edited", { shipped: true, drift }),
      known("going", { state: "Disabled" }),
      known("wrong", { faults: [fault, fault], drift, shipped: true }),
      absent("new"),
      absent(""),
    ];
    const rows = (await listed(all, "list", "app"))
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    const status = new Map(rows.map((row) => [row[0], row.at(-1)]));
    expect(status.get("fine")).toBe("ok");
    expect(status.get("edited")).toBe("edited");
    expect(status.get("going")).toBe("goes when its sessions are closed");
    expect(status.get("wrong")).toMatch(
      /^fault: conf\/applications\/a\.yaml: 5:3: spec\.ulr: got .*\.\.\. \(and 1 more\)$/,
    );
    expect(rows.find(([name]) => name === "new")).toEqual([
      "new",
      "-",
      "-",
      "-",
      "-",
      "-",
      expect.stringMatching(/^fault: /),
    ]);
    expect(status.get("-")).toMatch(/^fault: /);
  });

  it("is not in the published layout, nor asked for", async () => {
    const cluster = { listApplications: async () => [application()] };
    const context = fakeContext(cluster);
    expect(await flmctl(["list", "-a"], context)).toBe(0);
    expect(context.out()).not.toMatch(/Status/i);
  });

  it("leaves what does not exist out of the YAML and tells its faults in JSON", async () => {
    expect(await listed([absent("new")], "list", "app", "-o", "yaml")).toBe("");
    expect(JSON.parse(await listed([absent("new")], "list", "app", "-o", "json"))).toMatchObject([
      { metadata: { name: "new" }, status: { faults: [{ source: fault.source, reason }] } },
    ]);
  });

  it("is told whole by view app", async () => {
    expect(await listed([known("a", { faults: [fault] })], "view", "app", "a")).toContain(
      `Faults:\n  conf/applications/a.yaml, since 2026-01-02T20:31:51Z: ${reason}\n`,
    );
  });
});

describe("flmctl view app of one that does not exist", () => {
  it("tells the faults of the file that would have it", async () => {
    const cluster = {
      getApplication: async (name: string) => {
        throw new FlameError("not_found", `application ${name} not found`);
      },
      registry: { list: async () => [absent("new")] },
    };
    const view = async (name: string): Promise<string> => {
      const context = fakeContext(cluster as never);
      expect(await flmctl(["view", "app", name], context)).toBe(1);
      return context.err();
    };
    expect(await view("new")).toMatch(
      /^Error: application new not found; conf\/applications\/a.yaml would have it: 5:3: spec.ulr: got/,
    );
    expect(await view("other")).toBe("Error: application other not found\n");
  });
});

const synced: RegistryChange = { kind: "synced" };
const present = (one: RegistryApplication | AbsentApplication): RegistryChange => ({
  kind: "present",
  application: one,
});
const gone = new FlameError("unavailable", "the connection broke");

/** A registry whose watches are these, one after the other; an error ends one as it ends a call. */
async function watched(
  ...streams: (RegistryChange | FlameError)[][]
): Promise<{ told: string[][]; notes: string; error: unknown }> {
  const stop = new AbortController();
  const queue = [...streams];
  const registry = {
    async *watch() {
      const next = queue.shift() ?? [];
      if (queue.length === 0) stop.abort();
      for (const one of next) {
        if (one instanceof FlameError) throw one;
        yield one;
      }
    },
  };
  let notes = "";
  const told: string[][] = [];
  const text = ({ kind, application: { name } }: WatchedChange): string => `${kind} ${name}`;
  try {
    const terminal = { err: (note: string) => void (notes += note) };
    for await (const changes of watchApplications({ registry, terminal, stop: stop.signal }))
      told.push(changes.map(text));
    return { told, notes, error: undefined };
  } catch (error) {
    return { told, notes, error };
  }
}

describe("a watch of applications", () => {
  it("tells after an interruption what differs: created, changed, removed, and nothing else", async () => {
    const newer = known("b", { revision: { ...known("b").revision, number: 2 } });
    const { told, notes } = await watched(
      [present(known("a")), present(known("b")), present(known("c")), synced, gone],
      [gone],
      [present(known("a")), present(newer), present(known("d")), synced],
    );
    expect(told).toEqual([
      ["present a", "present b", "present c"],
      ["changed b", "created d", "removed c"],
    ]);
    expect(notes).toBe(
      "Note: the session manager is away; waiting for it\nNote: the session manager is back\n",
    );
  });

  it("counts a new fault, a new owner, and an application made anew as changes", async () => {
    const { told } = await watched(
      [
        present(known("a")),
        present(known("b")),
        present(known("c")),
        present(absent("d")),
        synced,
        gone,
      ],
      [
        present(known("a", { faults: [fault] })),
        present(known("b", { owner: "ci" })),
        present(known("c", { creationTime: new Date(0) })),
        present(absent("d")),
        synced,
      ],
    );
    expect(told[1]).toEqual(["changed a", "changed b", "changed c"]);
  });

  it("tells nothing twice when nothing happened meanwhile", async () => {
    const { told } = await watched(
      [present(known("a")), synced, gone],
      [present(known("a")), synced],
    );
    expect(told).toEqual([["present a"]]);
  });

  it("goes on when a stream ends half way through what is there", async () => {
    const { told } = await watched(
      [present(known("a")), present(known("b")), synced, gone],
      [present(known("a")), gone],
      [present(known("a")), present(known("b")), synced],
    );
    expect(told).toEqual([["present a", "present b"]]);
  });

  it("does not wait for what waiting does not mend", async () => {
    const error = new FlameError("unauthenticated", "no token");
    expect(await watched([present(known("a")), synced, error], [])).toMatchObject({ error });
    expect(await watched([gone], [])).toMatchObject({ told: [], error: gone });
  });
});
