import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";
import { write } from "./written-plugin.ts";

const examples = join(import.meta.dirname, "../../../examples/plugins");

let folder: ReturnType<typeof temporaryFolder>;
let manager: ManagerUnderTest | undefined;
let client: FlameClient | undefined;
let lines: string[] = [];
beforeEach(() => {
  folder = temporaryFolder("plugins");
  lines = [];
});
afterEach(async () => {
  client?.close();
  await manager?.close();
  [manager, client] = [undefined, undefined];
  folder.remove();
});

const keep = (_fields: object, message: string): void => void lines.push(message);
const logger: Logger = {
  ...{ debug: keep, info: keep, warn: keep, error: keep },
  child: () => logger,
};

async function start(
  plugins: readonly (string | object)[],
  prepare?: (home: string) => void,
): Promise<{ manager: ManagerUnderTest; client: FlameClient }> {
  const more = prepare === undefined ? {} : { prepare };
  manager = await startManager({ cluster: { plugins }, logger, ...more });
  client = new FlameClient({ endpoint: manager.endpoint });
  return { manager, client };
}

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (thrown) {
    return FlameError.from(thrown).message;
  }
  throw new Error("it was not refused");
}

const yaml = (name: string, spec: object): { manifest: string } => ({
  manifest: JSON.stringify({ metadata: { name }, spec: { command: "/bin/service", ...spec } }),
});

const requireLabels = {
  name: join(examples, "require-labels.mjs"),
  options: { prefix: "team-", environments: { SITE: "north" } },
};
const reason =
  'spec.labels: got no label, expected a label that begins with team-; add the team that owns it, such as team-storage; so says the plugin "require-labels"';

describe("the example require-labels", () => {
  it("has its say about every source: both services, defaults, files, rollbacks and other plugins", async () => {
    const path = write(
      folder.path,
      `start: async ({ applications, logger }) => {
        try { await applications.apply({ metadata: { name: "mine" }, spec: {} }); }
        catch (error) { logger.info({}, error.code + ": " + error.message); }
      }`,
    );
    const { manager: cluster, client: flame } = await start([path, requireLabels], (home) => {
      mkdirSync(join(home, "conf/applications"), { recursive: true });
    });
    expect(lines).toContain(`invalid_argument: application "mine": ${reason}`);

    const flmrun = await flame.registry.get("flmrun");
    expect(flmrun.revision.manifest).toMatch(/labels:.*team-flame/s);
    expect(flmrun.revision.manifest).toContain("SITE: north");
    expect(flmrun.drift).toEqual([]);

    const published = cluster.file("app.yaml", "metadata: { name: app }\nspec: { command: x }\n");
    const registered = await cluster.flmctl("register", "-f", published);
    expect({ code: registered.code, err: registered.err }).toEqual({
      code: 1,
      err: expect.stringContaining("got no label, expected a label that begins with team-"),
    });
    expect(await refusal(flame.registry.apply([yaml("app", {})]))).toContain(reason);
    expect(await refusal(flame.registry.apply([yaml("app", {})], { dryRun: true }))).toContain(
      reason,
    );

    const labels = ["team-storage"];
    await flame.registry.apply([yaml("app", { labels, environments: { SITE: "own" } })]);
    expect((await flame.registry.get("app")).revision.manifest).toContain("SITE: own");

    cluster.file(
      "conf/applications/filed.yaml",
      "metadata: { name: filed }\nspec: { command: x }\n",
    );
    await waitFor("the fault of the file", async () => {
      const all = await flame.registry.list();
      const filed = all.find(({ name }) => name === "filed");
      return filed?.faults.some((fault) => fault.reason.includes("so says the plugin"));
    });
  });

  it("has its options checked", async () => {
    const wrong = { ...requireLabels, options: { prefix: 3 } };
    expect(await refusal(start([wrong]))).toContain(
      'plugin "require-labels": options.prefix: got 3, expected a text',
    );
  });
});

describe("the example announce", () => {
  it("adds its application and tells every change in order, once it is durable", async () => {
    const file = join(folder.path, "events");
    const plugin = { name: join(examples, "announce.mjs"), options: { file } };
    const { client: flame } = await start([plugin]);
    expect(await flame.registry.get("announced")).toMatchObject({ owner: "plugin announce" });
    await flame.registry.apply([yaml("a", {}), yaml("b", {})]);
    await flame.registry.apply([yaml("a", { command: "x" })]);
    await flame.registry.remove("b");
    const told = await waitFor("the announcements", () => {
      const text = readFileSync(file, "utf8");
      return text.includes('"removed"') ? text.trimEnd().split("\n") : undefined;
    });
    const events = told.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ kind, name, revision }) => [kind, name, revision])).toEqual([
      ["created", "announced", 1],
      ["created", "a", 1],
      ["created", "b", 1],
      ["changed", "a", 2],
      ["removed", "b", 1],
    ]);
    expect(events[0]).toMatchObject({ author: "plugin announce" });
    expect(await refusal(flame.registry.apply([yaml("announced", {})]))).toContain(
      'application "announced" is kept by plugin announce: change it there, or force the change',
    );
  });
});

describe("the plugin of ten lines in docs/plugins.md", () => {
  it("does what the page says", async () => {
    const page = readFileSync(join(examples, "../../docs/plugins.md"), "utf8");
    const module = /^```js\n(?<code>export default[^`]*)^```/m.exec(page)?.groups?.["code"] ?? "";
    const path = join(folder.path, "team-label.mjs");
    writeFileSync(path, module);
    const { client: flame } = await start([{ name: path, options: { team: "storage" } }]);
    const defaults = await flame.registry.list();
    expect(defaults.map(({ name }) => name).sort()).toEqual(["flmexec", "flmping", "flmrun"]);
    await flame.registry.apply([yaml("a", {})]);
    expect((await flame.registry.get("a")).revision.manifest).toMatch(/labels:.*storage/s);
    const told = await refusal(flame.registry.apply([yaml("b", { url: "file:///x.whl" })]));
    const promised = /^spec\.url: got .*$/m.exec(page)?.[0] ?? "nothing";
    expect(told).toContain(promised);
  });
});

describe("the host of a plugin", () => {
  it("lists, gets, applies, removes, and shows faults of its own", async () => {
    const path = write(
      folder.path,
      `start: async ({ applications, logger }) => {
        const told = async (call) => { try { return await call; } catch ({ code }) { return code; } };
        const app = { metadata: { name: "p" }, spec: { command: "x" } };
        const lines = {
          names: (await applications.list()).map(({ name }) => name),
          absent: (await applications.get("p")) === undefined,
          dry: (await applications.apply(app, { dryRun: true }))[0].action,
          created: (await applications.apply([app], { keep: false, expectedRevision: 0 }))[0],
          unchanged: (await applications.apply(app, { keep: false }))[0].action,
          outdated: await told(applications.apply(app, { expectedRevision: 7 })),
          two: await told(applications.apply([app, app], { expectedRevision: 1 })),
          twice: await told(applications.apply([app, app])),
          invalid: await told(applications.apply({ metadata: { name: "p" }, spec: { comand: 1 } })),
          unknown: await told(applications.remove("q")),
          present: await applications.get("p"),
          removed: await applications.remove("p"),
        };
        applications.reportFault("flmrun", "out of patience");
        applications.reportFault("q", "gone"); applications.clearFault("q");
        logger.info({}, "told " + JSON.stringify(lines));
      }`,
    );
    const { client: flame } = await start([path]);
    const text = lines.find((line) => line.startsWith("told ")) ?? "";
    const told = JSON.parse(text.slice("told ".length)) as Record<string, unknown>;
    const application = {
      name: "p",
      state: "Enabled",
      revision: 1,
      origin: "api",
      author: expect.stringMatching(/^plugin plugin-/),
      manifest: { command: "x" },
      spec: expect.objectContaining({ command: "x", shim: "Host" }),
      revisionTime: expect.any(Number),
      creationTime: expect.any(Number),
    };
    expect(told).toEqual({
      names: ["flmexec", "flmping", "flmrun"],
      absent: true,
      dry: "created",
      created: { name: "p", action: "created", application, changed: ["command"] },
      unchanged: "unchanged",
      outdated: "aborted",
      two: "invalid_argument",
      twice: "invalid_argument",
      invalid: "invalid_argument",
      unknown: "not_found",
      present: application,
      removed: "removed",
    });
    expect((await flame.registry.get("flmrun")).faults).toEqual([
      expect.objectContaining({ reason: "out of patience" }),
    ]);
  });

  it("keeps on when a listener throws, and names the plugin in the log", async () => {
    const throwing = write(
      folder.path,
      `start: ({ applications }) => {
        applications.watch(() => { throw new Error("no luck"); });
        applications.watch(async () => { throw new Error("no luck later"); });
      }`,
    );
    const path = write(
      folder.path,
      `start: ({ applications, logger }) => {
        applications.watch(({ kind, application }) => logger.info({}, kind + " " + application.name));
      }`,
    );
    const { client: flame } = await start([throwing, path]);
    await flame.registry.apply([yaml("a", {})]);
    await flame.registry.remove("a");
    await waitFor("the last event", () => lines.includes("removed a"));
    const said = lines.filter((line) => line.includes("a listener failed"));
    expect(said).toContain("a listener failed when a was created: no luck");
    expect(said).toContain("a listener failed when a was removed: no luck later");
    expect(lines.indexOf("created a")).toBeLessThan(lines.indexOf("removed a"));
  });

  it("does not look again at what is registered; a rollback passes the hooks of today", async () => {
    const strict = join(folder.path, "strict");
    const path = write(
      folder.path,
      `hooks: () => ({ validate: async ({ spec }) => {
        const { existsSync } = await import("node:fs");
        if (existsSync(${JSON.stringify(strict)}) && spec.command === "/bin/service")
          return [{ path: "spec.command", got: spec.command, expected: "another command" }];
      } })`,
    );
    const { manager: cluster, client: flame } = await start([path]);
    await flame.registry.apply([yaml("app", {}), yaml("old", {})]);
    await flame.registry.apply([yaml("app", { command: "x" })]);
    writeFileSync(strict, "");
    expect(await refusal(flame.registry.rollback("app"))).toMatch(
      /revision 1 of application "app" cannot come back, today's checks refuse it: spec\.command: got \/bin\/service, expected another command; so says the plugin "plugin-\d+"/,
    );
    await cluster.restart();
    const { revision, faults } = await flame.registry.get("old");
    expect({ revision: revision.number, faults }).toEqual({ revision: 1, faults: [] });
  });

  it("leaves out a default that a plugin refuses, and says so instead of failing the start", async () => {
    const path = write(
      folder.path,
      `hooks: () => ({ validate: ({ name }) =>
        name === "flmping" ? [{ path: "metadata.name", got: "flmping", expected: "another" }] : [] })`,
    );
    const { client: flame } = await start([path]);
    const all = await flame.registry.list();
    expect(all.map(({ name }) => name)).toEqual(["flmexec", "flmrun", "flmping"]);
    expect(all[2]).toMatchObject({
      faults: [
        {
          source: "defaults/flmping.yaml",
          reason: expect.stringMatching(
            /^the shipped one is refused: metadata\.name: got flmping, expected another; so says the plugin "plugin-/,
          ),
        },
      ],
    });
    expect(await refusal(flame.registry.get("flmping"))).toContain("not found");
  });
});
