import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Admission } from "../../../src/application-registry/admission.ts";
import { ApplicationBook, type RegistryHost } from "../../../src/application-registry/index.ts";
import { SourceFaults } from "../../../src/application-registry/source-faults.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import { checkManifest, MANIFEST_BYTES_MAX } from "../../../src/manifest/manifest.ts";
import { type StartedPlugins, startPlugins } from "../../../src/plugins/start-plugins.ts";
import { bookRegistry } from "../../support/book-registry.ts";
import { waitFor } from "../../support/wait-for.ts";

let folder = "";
let lines: string[] = [];
let book = new ApplicationBook([]);
let faults = new SourceFaults();
let started: StartedPlugins[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flame-seeding-"));
  mkdirSync(join(folder, "home"));
  mkdirSync(join(folder, "shipped"));
  lines = [];
  book = new ApplicationBook([]);
  faults = new SourceFaults();
  started = [];
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
});

const logger: Logger = {
  debug: (_fields, message) => lines.push(`debug: ${message}`),
  info: (_fields, message) => lines.push(`info: ${message}`),
  warn: (_fields, message) => lines.push(`warn: ${message}`),
  error: (_fields, message) => lines.push(`error: ${message}`),
  child: () => logger,
};

/** Starts the built-in plugins of one start of the session manager, with `spec` as the only shipped default. */
async function start(spec: object, registry?: RegistryHost): Promise<void> {
  const text = JSON.stringify({ metadata: { name: "app" }, spec });
  writeFileSync(join(folder, "shipped/app.yaml"), text);
  await stop();
  lines = [];
  const plugins = await startPlugins({
    entries: [],
    registry: registry ?? bookRegistry(() => book),
    admission: new Admission({ allowedSchemes: [] }),
    faults,
    logger,
    defaultsFolder: join(folder, "shipped"),
    flameHome: join(folder, "home"),
  });
  started.push(plugins);
}

async function stop(): Promise<void> {
  for (const plugins of started.splice(0)) await plugins.close();
}

async function edit(registry: RegistryHost, spec: object): Promise<void> {
  const checked = checkManifest({ metadata: { name: "app" }, spec });
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  await registry.update({ ...checked, origin: "api", author: "ann" });
}

const about = (text: string): string => lines.find((line) => line.includes(text)) ?? "";

describe("what the log says of a default application", () => {
  it("names what it follows and what it keeps", async () => {
    const registry = bookRegistry(() => book);
    await start({ command: "uv" }, registry);
    expect(about("app")).toContain("info: registered the default application app; to leave it out");
    await start({ command: "uvx", labels: ["a"] }, registry);
    expect(about("app")).toBe(
      "info: the default application app is now as shipped with this version, in labels, command",
    );
    await edit(registry, { command: "uvx", labels: ["mine"], environments: { A: "1" } });
    await start({ command: "uv", labels: ["a"] }, registry);
    expect(about("app")).toBe(
      "info: the default application app is now as shipped with this version in command; changed here, it keeps labels, environments.A",
    );
    await start({ command: "uv", labels: ["b"] }, registry);
    expect(about("app")).toBe(
      "info: the default application app was changed here and stays as it is, in labels, environments.A",
    );
    await edit(registry, { command: "uv", labels: ["b"] });
    await start({ command: "uv", labels: ["b"] }, registry);
    expect(about("app")).toBe("debug: the default application app is as shipped");
  });
});

describe("a merge that would be no valid manifest", () => {
  /** Each half fits; both together are larger than a manifest may be. */
  const half = (who: string): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`${who}${i}`, "x".repeat(MANIFEST_BYTES_MAX * 0.03)]),
    );
  const source = (): string => `${basename(join(folder, "shipped"))}/app.yaml`;

  async function refusedMerge(): Promise<RegistryHost> {
    const registry = bookRegistry(() => book);
    await start({ command: "uv" }, registry);
    await edit(registry, { command: "uv", environments: half("MINE") });
    await start({ command: "uvx", environments: half("SHIPPED") }, registry);
    return registry;
  }

  it("keeps the last good and reports why, in the log and in the faults of the application", async () => {
    await refusedMerge();
    const { revision, manifest, lastSeeded } = book.get("app");
    expect({ revision, lastSeeded }).toEqual({ revision: 2, lastSeeded: { command: "uv" } });
    expect(manifest).toEqual({ command: "uv", environments: half("MINE") });
    const reason =
      /with environments\.MINE0, .*environments\.MINE11 and 8 more as changed here and command, environments\.SHIPPED0, .* and 9 more as shipped it would be refused: got \d+ bytes, expected at most 1048576 bytes as JSON; until one of them is changed it stays as it is/;
    expect(about("error: the default application app does not follow this version")).toMatch(
      reason,
    );
    expect(faults.of("app")).toEqual([
      { source: source(), reason: expect.stringMatching(reason), time: expect.any(Number) },
    ]);
  });

  it("is made when somebody changes what stood in its way, and what was kept then still counts as changed here", async () => {
    const registry = await refusedMerge();
    await edit(registry, { command: "uv", environments: { MINE0: "small" } });
    await waitFor("the merge", () => faults.of("app").length === 0);
    expect(book.get("app")).toMatchObject({
      revision: 4,
      origin: "default",
      manifest: { command: "uvx", environments: { MINE0: "small", ...half("SHIPPED") } },
      lastSeeded: { command: "uvx", environments: half("SHIPPED") },
    });
  });

  it("is made by a later version that can be merged, from what was last merged in", async () => {
    const registry = await refusedMerge();
    await start({ command: "uvx", labels: ["small"] }, registry);
    expect(faults.of("app")).toEqual([]);
    expect(book.get("app").manifest).toEqual({
      command: "uvx",
      labels: ["small"],
      environments: half("MINE"),
    });
  });

  it("is forgotten when the application is unregistered", async () => {
    const registry = await refusedMerge();
    await registry.unregister("app", "alice");
    expect(faults.of("app")).toEqual([]);
    expect(book.find("app")).toBeUndefined();
  });
});

describe("seeding while somebody changes the application", () => {
  it("compares again", async () => {
    const registry = bookRegistry(() => book);
    await start({ command: "uv" }, registry);
    await edit(registry, { command: "uv", labels: ["mine"] });
    let meddled = 0;
    const meddling: RegistryHost = {
      ...registry,
      seed: async (defaults) => {
        if (meddled++ === 0) await edit(registry, { command: "uv", labels: ["mine", "too"] });
        return registry.seed(defaults);
      },
    };
    await start({ command: "uvx" }, meddling);
    expect(meddled).toBe(2);
    expect(book.get("app").manifest).toEqual({ command: "uvx", labels: ["mine", "too"] });
  });

  it("gives up in the end, and the start says why", async () => {
    const registry = bookRegistry(() => book);
    await start({ command: "uv" }, registry);
    let count = 0;
    const meddling: RegistryHost = {
      ...registry,
      seed: async (defaults) => {
        await edit(registry, { command: "uv", max_instances: ++count });
        return registry.seed(defaults);
      },
    };
    await expect(start({ command: "uvx" }, meddling)).rejects.toThrow(
      'plugin "default-applications" failed to start: the default application "app" was changed while it was compared',
    );
    expect(count).toBe(5);
  });
});
