import { describe, expect, it } from "@jest/globals";
import { Admission } from "../../../src/application-registry/admission.ts";
import type { HookCallDeps } from "../../../src/application-registry/hook-call.ts";
import type { ManifestHooks } from "../../../src/application-registry/manifest-hooks.ts";
import { type ManifestSource } from "../../../src/application-registry/manifest-source.ts";
import { faultText } from "../../../src/documents/fault.ts";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import type { CheckedManifest } from "../../../src/manifest/manifest.ts";

const source: ManifestSource = { origin: "api", author: "ann" };
const raw = (spec: object = {}): object => ({ metadata: { name: "app" }, spec });

function admission(hooks: readonly Partial<ManifestHooks>[], deps: HookCallDeps = {}): Admission {
  const door = new Admission({ allowedSchemes: [], ...deps });
  for (const [index, one] of hooks.entries()) door.addHooks({ plugin: `p${index}`, ...one });
  return door;
}

async function admitted(door: Admission, manifest: object = raw()): Promise<CheckedManifest> {
  const result = await door.admit(manifest, source);
  if (result.ok) return result;
  throw new Error(result.faults.map((fault) => faultText(fault)).join("; "));
}

async function refusal(door: Admission, manifest: unknown = raw()): Promise<string> {
  const result = await door.admit(manifest, source);
  if (result.ok) throw new Error("it was admitted");
  return result.faults.map((fault) => faultText(fault)).join("; ");
}

describe("mutating hooks", () => {
  it("change the draft in place or give another one, each what the one before made of it", async () => {
    const door = admission([
      { mutate: (draft) => void (draft.spec.labels = ["one"]) },
      {
        mutate: async (draft) => ({
          ...draft,
          spec: { ...draft.spec, labels: [...(draft.spec.labels ?? []), "two"] },
        }),
      },
    ]);
    expect((await admitted(door)).manifest).toEqual({ labels: ["one", "two"] });
  });

  it("get the canonical form of the manifest as a copy of their own, and who brings it", async () => {
    const seen: unknown[] = [];
    const door = admission([
      {
        mutate: (draft, from) => {
          seen.push(structuredClone(draft), from);
          draft.spec.environments = { A: "changed" };
        },
      },
    ]);
    const frozen = Object.freeze({ shim: "host", environments: Object.freeze({ A: "1" }) });
    await admitted(door, raw(frozen));
    expect(seen).toEqual([raw({ shim: "Host", environments: { A: "1" } }), source]);
    expect(frozen).toEqual({ shim: "host", environments: { A: "1" } });
  });

  it("run before the schema: what they make is checked, and a fault names the plugin that made it", async () => {
    const door = admission([
      { mutate: (draft) => void (draft.spec.max_instances = "many" as never) },
      { mutate: (draft) => void (draft.spec.labels = ["fine"]) },
    ]);
    expect(await refusal(door)).toBe(
      'spec.max_instances: got "many", expected a whole number; the plugin "p0" changed it so',
    );
    const [fault] = await door
      .admitText("metadata: { name: app }\nspec:\n  comand: x\n  max_instances: 3\n", source)
      .then(([result]) => (result?.ok === false ? result.faults : []));
    expect(fault).toMatchObject({ path: "spec.comand", line: 3 });
    expect(fault).not.toHaveProperty("plugin");
  });

  it("may mend what the schema would refuse", async () => {
    const door = admission([{ mutate: ({ spec }) => void Reflect.deleteProperty(spec, "comand") }]);
    expect((await admitted(door, raw({ comand: "x" }))).manifest).toEqual({});
  });

  it.each([
    ["a text", () => "yes", 'got "yes" from its mutating hook'],
    ["a number", () => 3, "got 3 from its mutating hook"],
    ["a list", () => [], "got a list of 0 from its mutating hook"],
    ["half a manifest", () => ({ spec: {} }), "got a mapping from its mutating hook"],
    [
      "a function within",
      () => raw({ labels: [() => 1] }),
      "got a function at spec.labels[0] that no document can hold",
    ],
    ["a big number", () => raw({ max_instances: 1n }), "got a bigint at spec.max_instances"],
    ["no number", () => raw({ max_instances: Number.NaN }), "got NaN at spec.max_instances"],
    ["a Map", () => raw({ environments: new Map() }), "got an object at spec.environments"],
    ["a circle", () => circle(), "that no document can hold"],
    ["another name", () => ({ metadata: { name: "b" }, spec: {} }), 'got the name "b"'],
  ])("that give %s refuse the manifest with the plugin's name", async (_what, mutate, text) => {
    const told = await refusal(admission([{ mutate }]));
    expect(told).toContain('plugin "p0": got ');
    expect(told).toContain(text);
    expect(told).toContain(
      "nothing is registered or changed while a plugin fails: mend it, or switch it off in cluster.plugins",
    );
  });

  it("are not asked about what is no manifest at all, or has values of wrong types", async () => {
    let asked = 0;
    const count = (): void => {
      asked++;
    };
    const door = admission([{ mutate: count }]);
    for (const broken of [
      null,
      3,
      [],
      {},
      { metadata: [], spec: {} },
      { metadata: {} },
      raw({ labels: [3] }),
    ]) {
      expect(await refusal(door, broken)).toContain("got ");
    }
    const [text] = await door.admitText("a: [", source);
    expect(text?.ok).toBe(false);
    expect(asked).toBe(0);
  });

  it("that stumble over a faulty manifest do not hide its faults", async () => {
    const door = admission([{ mutate: ({ spec }) => (spec.command === "" ? undefined : fail()) }]);
    expect(await refusal(door, raw({ comand: "x" }))).toMatch(/^spec\.comand: got the unknown key/);
  });
});

function circle(): unknown {
  const spec: Record<string, unknown> = {};
  spec["spec"] = spec;
  return raw(spec);
}

describe("validating hooks", () => {
  it("get the checked manifest, frozen, and all say what they find", async () => {
    const door = admission([
      { mutate: (draft) => void (draft.spec.labels = ["made"]) },
      {
        validate: (application) => {
          expect(Object.isFrozen(application.manifest)).toBe(true);
          expect(Object.isFrozen(application.manifest.labels)).toBe(true);
          expect(application).toEqual({
            name: "app",
            manifest: { labels: ["made"] },
            spec: expect.objectContaining({ shim: "Host", labels: ["made"] }),
          });
          return [{ path: "spec.labels", got: "one label", expected: "two", hint: "add one" }];
        },
      },
      { validate: async () => [{ path: "spec.url", got: "nothing", expected: "a package" }] },
      { validate: () => undefined },
      { validate: () => [] },
    ]);
    expect(await refusal(door)).toBe(
      'spec.labels: got one label, expected two; add one; so says the plugin "p1"; spec.url: got nothing, expected a package; so says the plugin "p2"',
    );
  });

  it("tell the place in the text", async () => {
    const path = 'spec.environments["A B"]';
    const door = admission([{ validate: () => [{ path, got: '"x"', expected: "y" }] }]);
    const text = 'metadata: { name: app }\nspec:\n  command: x\n  environments:\n    "A B": x\n';
    const [result] = await door.admitText(text, source);
    expect(result).toMatchObject({ ok: false, faults: [{ path, line: 5, column: 12 }] });
  });

  it("are not asked about what the schema refuses", async () => {
    const door = admission([{ validate: () => fail() }]);
    expect(await refusal(door, raw({ comand: "x" }))).not.toContain("plugin");
  });

  it.each([
    ["true", () => true, "got true from its validating hook"],
    ["a text", () => "no", 'got "no" from its validating hook'],
    ["texts", () => ["no"], "got an entry 0 without these texts from its validating hook"],
    ["half a fault", () => [{ path: "x" }], "got an entry 0 without these texts"],
    ["nothing in a list", () => [null], "got an entry 0 without these texts"],
    [
      "too much",
      () => Array.from({ length: 101 }, () => ({})),
      "got 101 faults from its validating hook",
    ],
  ])("that give %s refuse the manifest with the plugin's name", async (_what, validate, text) => {
    const told = await refusal(admission([{ validate }]));
    expect(told).toContain(`plugin "p0": ${text}`);
  });
});

function fail(): never {
  throw new Error("it was asked");
}

describe("a plugin that fails", () => {
  it.each(["mutate", "validate"] as const)(
    "in %s refuses the manifest and is logged",
    async (hook) => {
      const logged: [object, string][] = [];
      const logger = {
        ...silentLogger,
        error: (fields: object, text: string) => void logged.push([fields, text]),
      };
      const kind = hook === "mutate" ? "mutating" : "validating";
      const text = `plugin "p0": got an error from its ${kind} hook (no luck), expected none`;
      const throwing = (): never => {
        throw new Error("no luck");
      };
      for (const fn of [throwing, async () => throwing()]) {
        const door = admission([{ [hook]: fn }], { logger });
        expect(await refusal(door)).toContain(text);
        expect(logged.splice(0)).toEqual([
          [
            { plugin: "p0", hook: kind, application: "app", reason: text },
            `${text}; the manifest of app is refused`,
          ],
        ]);
      }
    },
  );

  it.each(["mutate", "validate"] as const)(
    "to answer from %s in time refuses the manifest, and its signal says so",
    async (hook) => {
      const signals: AbortSignal[] = [];
      const clock = {
        now: () => 0,
        steady: () => 0,
        after: (delayMs: number, action: () => void) => {
          // The log names the hook after one second, the manifest is refused after five.
          expect([1000, 5000]).toContain(delayMs);
          queueMicrotask(action);
          return { cancel: () => undefined };
        },
      };
      const slow: NonNullable<ManifestHooks["mutate"]> = (_draft, _source, context) => {
        signals.push(context.signal);
        return new Promise(() => undefined);
      };
      const warned: string[] = [];
      const logger: Logger = {
        ...silentLogger,
        warn: (_fields, message) => warned.push(message),
      };
      const door = admission([{ [hook]: slow }], { clock, logger });
      const kind = hook === "mutate" ? "mutating" : "validating";
      expect(await refusal(door)).toContain(
        `plugin "p0": got no answer of its ${kind} hook within 5000 ms, expected one`,
      );
      expect(warned).toEqual([
        `waiting for the ${kind} hook of plugin "p0" about the application app; it is given up after 5000 ms`,
      ]);
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    },
  );

  it("keeps those after it from being asked", async () => {
    let asked = 0;
    const count = (): void => {
      asked++;
    };
    const door = admission([{ mutate: () => fail() }, { mutate: count }]);
    await refusal(door);
    expect(asked).toBe(0);
  });
});
