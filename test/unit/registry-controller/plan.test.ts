import { describe, expect, it } from "@jest/globals";
import type { Application } from "../../../src/client/index.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";
import { digestOf, type Remembered } from "../../../src/registry-controller/memory.ts";
import { changeText, differences } from "../../../src/registry-controller/normal-form.ts";
import { planFor } from "../../../src/registry-controller/plan.ts";
import type { Wanted, Wishes } from "../../../src/registry-controller/wanted.ts";

const live = (name: string, spec: ApplicationManifestSpec = {}, time = 1): Application => ({
  name,
  state: "Enabled",
  creationTime: new Date(time),
  spec,
});
const wanted = (name: string, manifest: ApplicationManifestSpec = {}, insist = true): Wanted => ({
  name,
  manifest,
  insist,
  ...(insist && { path: "/apps/a.yaml" }),
});
const wishes = (applications: Wanted[], more: Partial<Wishes> = {}): Wishes => ({
  applications: new Map(applications.map((one) => [one.name, one])),
  held: new Set(),
  faults: [],
  complete: true,
  ...more,
});
const known = (
  manifest: ApplicationManifestSpec = {},
  more: Partial<Remembered> = {},
): Remembered => ({ path: "/apps/a.yaml", created: 1, digest: digestOf(manifest), ...more });

function told(...args: Parameters<typeof planFor>): string[] {
  const { steps, inOrder, forgotten } = planFor(...args);
  return [
    ...steps.map(
      (step) =>
        `${step.kind} ${step.name}${step.kind === "update" && step.drifted ? " drifted" : ""}`,
    ),
    ...inOrder.map(({ name }) => `in order ${name}`),
    ...forgotten.map((name) => `forget ${name}`),
  ];
}

describe("two ways to write the same application", () => {
  it.each([
    ["nothing and defaults", {}, { shim: "Host", max_instances: 1_000_000, delay_release: 60 }],
    [
      "nothing and empty",
      {},
      { labels: [], arguments: [], environments: {}, description: "", command: "", schema: {} },
    ],
    [
      "environments in another order",
      { environments: { A: "1", B: "2" } },
      { environments: { B: "2", A: "1" } },
    ],
  ] as [string, ApplicationManifestSpec, ApplicationManifestSpec][])(
    "%s differ in nothing",
    (_what, a, b) => {
      expect(differences(a, b)).toEqual([]);
      expect(differences(b, a)).toEqual([]);
    },
  );

  it.each([
    ["an empty argument", { arguments: [""] }, {}, 'arguments: [""] -> nothing'],
    ["an empty variable", {}, { environments: { A: "" } }, 'environments.A: nothing -> ""'],
    [
      "the order of arguments",
      { arguments: ["a", "b"] },
      { arguments: ["b", "a"] },
      'arguments: ["a","b"] -> ["b","a"]',
    ],
    ["a default", { delay_release: 0 }, {}, "delay_release: 0 -> 60"],
  ] as [string, ApplicationManifestSpec, ApplicationManifestSpec, string][])(
    "%s is a difference",
    (_what, before, after, text) => {
      expect(differences(before, after).map(changeText)).toEqual([text]);
    },
  );
});

describe("what the controller would do", () => {
  it("registers what is absent, updates what differs, and tells drift from a new wish", () => {
    const applications = [
      wanted("new"),
      wanted("same"),
      wanted("edited", { command: "2" }),
      wanted("drifted", { command: "1" }),
    ];
    const there = [
      live("same"),
      live("edited", { command: "1" }),
      live("drifted", { command: "x" }),
      live("others"),
    ];
    const memory: [string, Remembered][] = [
      ["edited", known({ command: "1" })],
      ["drifted", known({ command: "1" })],
    ];
    expect(told(wishes(applications), there, memory)).toEqual([
      "register new",
      "update edited",
      "update drifted drifted",
      "in order same",
    ]);
  });

  it("leaves a default that is there alone, unless it insists", () => {
    const there = [live("flmrun", { command: "x" })];
    expect(told(wishes([wanted("flmrun", {}, false)]), there, [])).toEqual([]);
    expect(told(wishes([wanted("flmrun")]), there, [])).toEqual(["update flmrun"]);
  });

  it("removes only what it made itself and no file speaks of, and only when the directory can be read", () => {
    const memory: [string, Remembered][] = [
      ["made", known()],
      ["adopted", { path: "/apps/a.yaml", digest: "" }],
      ["made-anew-by-others", known({}, { created: 5 })],
      ["gone", known()],
      ["held", known()],
    ];
    const there = ["made", "adopted", "made-anew-by-others", "held"].map((name) => live(name));
    expect(told(wishes([], { held: new Set(["held"]) }), there, memory)).toEqual([
      "unregister made",
      "forget adopted",
      "forget made-anew-by-others",
      "forget gone",
    ]);
    expect(told(wishes([], { complete: false }), there, memory)).toEqual([]);
  });

  it("does not take what an engine forgets for a difference, unless it is seen to keep it", () => {
    const wish = wishes([wanted("a", { image: "x", shim: "Wasm" })]);
    expect(told(wish, [live("a")], [])).toEqual(["in order a"]);
    expect(told(wish, [live("a", { image: "other" })], [])).toEqual(["update a"]);
    expect(told(wish, [live("a"), live("b", { image: "y" })], [])).toEqual(["update a"]);
    expect(told(wish, [live("a"), live("b", { shim: "Wasm" })], [])).toEqual(["update a"]);
  });

  it("does not take packages that another engine forgets for a difference, unless it is seen to keep packages", () => {
    const wish = wishes([wanted("a", { packages: ["numpy>=2"] })]);
    expect(told(wish, [live("a")], [])).toEqual(["in order a"]);
    expect(told(wish, [live("a"), live("b", { task_timeout: 9 })], [])).toEqual(["in order a"]);
    expect(told(wish, [live("a"), live("b", { packages: ["six"] })], [])).toEqual(["update a"]);
    expect(told(wish, [live("a", { packages: ["six"] })], [])).toEqual(["update a"]);

    const limited = wishes([wanted("a", { task_timeout: 9 })]);
    expect(told(limited, [live("a"), live("b", { packages: ["six"] })], [])).toEqual(["update a"]);
  });

  it("does not write again what was taken but for a field that is not changed there", () => {
    const manifest = { command: "x" };
    const there = [live("a", { command: "x", shim: "Wasm" })];
    const memory: [string, Remembered][] = [["a", known(manifest, { incomplete: true })]];
    expect(told(wishes([wanted("a", manifest)]), there, memory)).toEqual(["in order a"]);
    expect(told(wishes([wanted("a", manifest)]), there, [["a", known(manifest)]])).toEqual([
      "update a drifted",
    ]);
    expect(told(wishes([wanted("a", { command: "y" })]), there, memory)).toEqual(["update a"]);
  });
});
