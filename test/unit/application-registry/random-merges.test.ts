import { expect, it } from "@jest/globals";
import { sameDocument } from "../../../src/application-registry/same-document.ts";
import { mergeManifests } from "../../../src/application-registry/three-way.ts";
import { canonical } from "../../../src/manifest/canonical.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";

const merges = 10_000;
const firstSeed = Number(process.env["FLAME_MERGE_SEED"] ?? 1);

type Plain = Record<string, unknown>;

/** A random number generator from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Few values, so that two sides often say the same, and every form of saying nothing. */
function randomManifest(random: () => number, before: Plain = {}): Plain {
  const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const text = (): string => pick("a", "b", "c");
  const mapping = (names: readonly string[]): Plain =>
    Object.fromEntries(names.filter(() => random() < 0.4).map((name) => [name, text()]));
  const makers: Readonly<Record<keyof ApplicationManifestSpec, () => unknown>> = {
    shim: () => pick("Host", "Wasm"),
    image: text,
    description: text,
    labels: () => pick([], ["a"], ["a", "b"]),
    command: text,
    arguments: () => pick([], ["a"], ["b"]),
    environments: () => mapping(["A", "B", "A.B", "__proto__"]),
    working_directory: () => pick("/a", "/b"),
    max_instances: () => pick(1, 2),
    delay_release: () => pick(0, 60),
    schema: () => mapping(["input", "output", "common_data"]),
    url: () => pick("file:///a", "file:///b"),
    installer: () => pick("python", "binary"),
    task_timeout: () => pick(1, 90),
    max_crashes: () => pick(1, 2),
    max_lost_nodes: () => pick(1, 2),
    warm_instances: () => pick(0, 1),
    packages: () => pick([], ["six"], ["six", "numpy"]),
  };
  const manifest: Plain = {};
  for (const [key, make] of Object.entries(makers)) {
    // Most fields stay as they were, as in real life.
    if (random() < 0.6 && Object.hasOwn(before, key)) manifest[key] = before[key];
    else if (random() < 0.4) manifest[key] = make();
  }
  return manifest;
}

/** The rules in the words of the documentation, one clause after the other, sharing nothing with the product. */
function modelMerge(base: Plain, mine: Plain, theirs: Plain): Plain {
  const group = "shim image command arguments working_directory url installer".split(" ");
  const says = (manifest: Plain, key: string): string => {
    const value = manifest[key];
    const nothing = value === undefined || (key === "shim" && value === "Host");
    const text = JSON.stringify(nothing ? null : value);
    return text === "[]" || text === "{}" ? "null" : text;
  };
  const entries = (manifest: Plain, key: string): Map<string, unknown> =>
    new Map(Object.entries((manifest[key] ?? {}) as Plain));
  const result: Plain = {};
  const programEdited = group.some((key) => says(base, key) !== says(mine, key));
  for (const key of group) {
    const from = programEdited ? mine : theirs;
    if (from[key] !== undefined) result[key] = from[key];
  }
  const mappings = ["environments", "schema"];
  const keys = new Set([mine, theirs].flatMap((manifest) => Object.keys(manifest)));
  for (const key of keys) {
    if (group.includes(key) || mappings.includes(key)) continue;
    const from = says(base, key) !== says(mine, key) ? mine : theirs;
    if (from[key] !== undefined) result[key] = from[key];
  }
  for (const key of mappings) {
    const [old, own, shipped] = [entries(base, key), entries(mine, key), entries(theirs, key)];
    const merged = new Map<string, unknown>();
    for (const name of new Set([...own.keys(), ...shipped.keys()])) {
      const value = old.get(name) !== own.get(name) ? own.get(name) : shipped.get(name);
      if (value !== undefined) merged.set(name, value);
    }
    if (merged.size > 0) result[key] = Object.fromEntries(merged);
  }
  return result;
}

/** Empty mappings and lists say nothing, Host is what no shim means. */
function meaning(manifest: Plain): unknown {
  const said = Object.entries(manifest).filter(
    ([key, value]) =>
      !(key === "shim" && value === "Host") && !["[]", "{}"].includes(JSON.stringify(value)),
  );
  return canonical({ spec: Object.fromEntries(said) });
}

it(`random merges are as a simple model says: ${merges} from seed ${firstSeed}`, () => {
  const seen = { followedAll: 0, keptAll: 0, mixed: 0 };
  for (let seed = firstSeed; seed < firstSeed + merges; seed++) {
    const random = randomFrom(seed);
    const base = randomManifest(random);
    const mine = random() < 0.1 ? base : randomManifest(random, base);
    const theirs = random() < 0.1 ? base : randomManifest(random, base);
    const merge = mergeManifests(base, mine, theirs);
    const got = meaning(merge.manifest as Plain);
    const [followed, kept] = [merge.followed.length > 0, merge.kept.length > 0];
    const right =
      sameDocument(got, meaning(modelMerge(base, mine, theirs))) &&
      // Nothing followed means the same as before, nothing kept the same as shipped.
      sameDocument(got, meaning(mine)) === !followed &&
      sameDocument(got, meaning(theirs)) === !kept;
    if (!right) {
      const all = { base, mine, theirs, expected: modelMerge(base, mine, theirs), merge };
      throw new Error(`FLAME_MERGE_SEED=${seed}: ${JSON.stringify(all, undefined, 2)}`);
    }
    if (followed && kept) seen.mixed++;
    else if (followed) seen.followedAll++;
    else if (kept) seen.keptAll++;
  }
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(merges / 100);
});
