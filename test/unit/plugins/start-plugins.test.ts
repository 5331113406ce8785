import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Admission } from "../../../src/application-registry/admission.ts";
import { ApplicationBook } from "../../../src/application-registry/index.ts";
import { SourceFaults } from "../../../src/application-registry/source-faults.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { type PluginsDeps, startPlugins } from "../../../src/plugins/start-plugins.ts";
import { bookRegistry } from "../../support/book-registry.ts";

const SHIPPED = fileURLToPath(new URL("../../../defaults", import.meta.url));

let folder = "";
let lines: string[] = [];
let book = new ApplicationBook([]);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flame-plugins-"));
  lines = [];
  book = new ApplicationBook([]);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const logger: Logger = {
  debug: () => undefined,
  info: (_fields, message) => lines.push(message),
  warn: (_fields, message) => lines.push(message),
  error: (_fields, message) => lines.push(message),
  child: () => logger,
};

const deps = (more: Partial<PluginsDeps> = {}): PluginsDeps => ({
  entries: [],
  registry: bookRegistry(() => book),
  admission: new Admission({ allowedSchemes: [] }),
  faults: new SourceFaults(),
  logger,
  defaultsFolder: SHIPPED,
  flameHome: "/srv/flame",
  ...more,
});

const entry = (
  name: string,
  options: Record<string, unknown> = {},
): PluginsDeps["entries"][number] => ({
  name,
  enabled: true,
  options,
});

function write(file: string, text: string): string {
  const path = join(folder, file);
  writeFileSync(path, text);
  return path;
}

async function refusal(more: Partial<PluginsDeps>): Promise<string> {
  try {
    await startPlugins(deps(more));
  } catch (thrown) {
    expect(FlameError.from(thrown).code).toBe("invalid_config");
    return FlameError.from(thrown).message;
  }
  throw new Error("the plugins started");
}

/** A file name of its own for each module: what was imported once is not imported again. */
const digest = (text: string): string => createHash("sha1").update(text).digest("hex");

const names = (): string[] => book.list().map((record) => record.name);

describe("the plugin default-applications", () => {
  it("registers exactly the three shipped applications, as they are specified", async () => {
    const started = await startPlugins(deps());
    expect(started.names).toEqual(["default-applications", "application-directory"]);
    expect(names()).toEqual(["flmexec", "flmping", "flmrun"]);
    expect(book.get("flmrun").manifest).toMatchObject({
      command: "${FLAME_HOME}/bin/uv",
      arguments: ["run", "--offline", "--no-sync", "flamepy.runpy"],
      working_directory: "/srv/flame/work/flmrun",
      installer: "python",
    });
    for (const record of book.list()) {
      expect("url" in record.manifest).toBe(false);
      expect(record).toMatchObject({
        state: "Enabled",
        origin: "default",
        author: `defaults/${record.name}.yaml`,
      });
      expect(record.spec).toMatchObject({
        shim: "Host",
        max_instances: 1_000_000,
        delay_release: 60,
        max_crashes: 5,
        max_lost_nodes: 10,
      });
    }
    expect(JSON.parse(book.get("flmexec").manifest.schema?.input ?? "")).toMatchObject({
      $schema: "http://json-schema.org/draft-07/schema#",
      required: ["language", "code"],
    });
    await started.close();
  });

  it("says how to leave a created application out, and that works", async () => {
    await startPlugins(deps());
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain("options: { exclude: [flmexec] }");
    book = new ApplicationBook([]);
    await startPlugins(
      deps({ entries: [entry("default-applications", { exclude: ["flmexec"] })] }),
    );
    expect(names()).toEqual(["flmping", "flmrun"]);
    expect(
      await refusal({ entries: [entry("default-applications", { exclude: ["x"] })] }),
    ).toContain('got "x", expected one of flmexec, flmping, flmrun');
  });

  it("can be switched off", async () => {
    const off = { name: "default-applications", enabled: false, options: {} };
    const started = await startPlugins(deps({ entries: [off] }));
    expect(started.names).toEqual(["application-directory"]);
    await started.close();
    expect(names()).toEqual([]);
  });

  it("stops the start when a default is broken, with file, line and reason", async () => {
    write("a.yaml", "metadata:\n  name: a\nspec:\n  comand: x\n");
    write("b.yaml", "metadata:\n  name: b\nspec:\n  url: ftp://x/y\n");
    write("notes.txt", "not a manifest");
    const text = await refusal({ defaultsFolder: folder });
    expect(text).toContain('plugin "default-applications" failed to start: ');
    expect(text).toContain(
      `${join(folder, "a.yaml")}:4:3: spec.comand: got the unknown key "comand"`,
    );
    expect(text).toContain(`${join(folder, "b.yaml")}:4:8: spec.url: invalid url: got "ftp://x/y"`);
    expect(names()).toEqual([]);
  });

  it("refuses two files with one name, and a folder that is not there", async () => {
    for (const file of ["a.yaml", "b.yml"])
      write(file, "metadata: { name: a }\nspec: { command: x }\n");
    expect(await refusal({ defaultsFolder: folder })).toContain("got a, which");
    expect(await refusal({ defaultsFolder: join(folder, "none") })).toContain("ENOENT");
  });
});

describe("the plugin host", () => {
  const off = { name: "default-applications", enabled: false, options: {} };

  it("loads a module, hands it a host and closes it last first", async () => {
    const path = write(
      "mine.mjs",
      `export default {
        name: "mine",
        apiVersion: 1,
        optionsSchema: { type: "object", required: ["app"], properties: { app: { type: "string" } } },
        hooks({ onClose, logger }) {
          onClose(() => logger.info({}, "hooks"));
          return { mutate: (draft) => { draft.spec.labels = ["mine"]; } };
        },
        async start(host) {
          await host.applications.apply({ metadata: { name: host.options.app }, spec: {} });
          host.onClose(() => host.logger.info({}, "first"));
          host.onClose(() => host.logger.info({}, "second"));
        },
      };`,
    );
    const started = await startPlugins(
      deps({ entries: [off, entry(path, { app: "from-plugin" })] }),
    );
    expect(started.names).toEqual(["mine", "application-directory"]);
    expect(book.get("from-plugin")).toMatchObject({
      author: "plugin mine",
      owner: "plugin mine",
      manifest: { labels: ["mine"] },
    });
    lines = [];
    await started.close();
    await started.close();
    expect(lines).toEqual(["second", "first", "hooks"]);
  });

  it("checks options by the plugin's own schema before anything starts", async () => {
    const path = write(
      "strict.mjs",
      `export default { name: "strict", apiVersion: 1, start() {},
        optionsSchema: { type: "object", additionalProperties: false, properties: { level: { type: "integer" } } } };`,
    );
    expect(await refusal({ entries: [entry(path, { level: "x", levle: 1 })] })).toMatch(
      /plugin "strict": options\.levle: got the unknown key "levle", expected one of level; did you mean "level"\?.*options\.level: got "x", expected a whole number/,
    );
    expect(names()).toEqual([]);
    const none = write("none.mjs", 'export default { name: "none", apiVersion: 1, start() {} };');
    expect(await refusal({ entries: [entry(none, { a: 1 })] })).toContain(
      "this plugin takes no options",
    );
    const bad = write(
      "bad.mjs",
      'export default { name: "bad", apiVersion: 1, start() {}, optionsSchema: { type: "objekt" } };',
    );
    expect(await refusal({ entries: [entry(bad)] })).toContain(
      "its optionsSchema is no JSON Schema",
    );
  });

  it("stops the start with the name and reason of a plugin that fails, and closes those before it", async () => {
    const good = write(
      "good.mjs",
      'export default { name: "good", apiVersion: 1, start(host) { host.onClose(() => host.logger.info({}, "good closed")); } };',
    );
    const bad = write(
      "throws.mjs",
      'export default { name: "throws", apiVersion: 1, start() { throw new Error("no luck"); } };',
    );
    expect(await refusal({ entries: [off, entry(good), entry(bad)] })).toBe(
      'plugin "throws" failed to start: no luck',
    );
    expect(lines).toContain("good closed");
  });

  it.each([
    ["hooks", "hooks: () => new Promise(() => {})", '"slow": hooks(context) has not settled'],
    ["start", "start: () => new Promise(() => {})", '"slow": start(host) has not settled'],
    [
      "module",
      "start: await new Promise(() => {})",
      'slow.mjs": the loading of its module has not settled',
    ],
  ])(
    "says that it waits for the %s of a plugin, and ends with its name",
    async (_what, part, awaited) => {
      const path = write("slow.mjs", `export default { name: "slow", apiVersion: 1, ${part} };`);
      const told = await refusal({ entries: [off, entry(path)], startDeadlineMs: 400 });
      expect(lines.join("\n")).toContain(`${awaited}; the start ends with an error after 400 ms`);
      expect(told).toMatch(
        /plugin \S*slow.* got no end of its start within 400 ms, expected .* to settle/,
      );
    },
  );

  it("refuses unknown names, modules that are none, and a plugin twice", async () => {
    const places = `${folder}/node_modules or /srv/flame/node_modules`;
    expect(await refusal({ entries: [entry("defaults")], configFolder: folder })).toBe(
      `cluster.plugins: got the unknown plugin "defaults", expected a built-in one (default-applications, application-directory), the path of a module, such as ./my-plugin.js, or a package that is installed in ${places}`,
    );
    expect(await refusal({ entries: [entry(join(folder, "missing.mjs"))] })).toContain(
      "the module cannot be loaded",
    );
    expect(await refusal({ entries: [off, off] })).toContain(
      'got the plugin "default-applications" twice',
    );
    const same = write(
      "same.mjs",
      'export default { name: "default-applications", apiVersion: 1, start() {} };',
    );
    expect(await refusal({ entries: [entry(same)] })).toContain("twice");
  });

  it.each([
    ["export const x = 1;", "expected a default export { name, apiVersion: 1,"],
    [
      "export default { apiVersion: 1, start() {} };",
      "name: got nothing, expected 1 to 64 letters",
    ],
    [
      'export default { name: "a b", apiVersion: 1, start() {} };',
      'name: got "a b", expected 1 to 64 letters',
    ],
    ['export default { name: "a", start() {} };', "apiVersion: got nothing, expected 1"],
    ['export default { name: "a", apiVersion: 2, start() {} };', "apiVersion: got 2, expected 1"],
    [
      'export default { name: "a", apiVersion: 1, start: "x" };',
      'start: got "x", expected a function',
    ],
    [
      'export default { name: "a", apiVersion: 1 };',
      "got neither, expected hooks(context), start(host) or both",
    ],
    [
      'export default { name: "a", apiVersion: 1, optionsSchema: 1, start() {} };',
      "optionsSchema: got 1, expected a JSON Schema",
    ],
    [
      'export default { name: "a", apiVersion: 1, hooks: () => ({ mutat() {} }) };',
      "gave mutat: got an unknown hook, expected the functions mutate and validate",
    ],
    [
      'export default { name: "a", apiVersion: 1, hooks: () => ({ mutate: 1 }) };',
      "gave mutate: got 1, expected the functions",
    ],
    [
      'export default { name: "a", apiVersion: 1, hooks() {} };',
      "hooks(context) gave nothing, expected { mutate?, validate? }",
    ],
  ])("refuses a module that is no plugin: %s", async (source, reason) => {
    const module = write(`${digest(source)}.mjs`, source);
    expect(await refusal({ entries: [off, entry(module)] })).toContain(reason);
  });

  it("asks for the hooks of all plugins before it starts one, and starts the default applications first", async () => {
    const plugin = (name: string): string =>
      write(
        `${name}.mjs`,
        `export default { name: "${name}", apiVersion: 1,
          hooks: ({ logger }) => ({ mutate() { logger.info({}, "hook ${name}"); } }),
          start: (host) => host.logger.info({}, "start ${name}") };`,
      );
    const more = { entries: [entry(plugin("a")), entry(plugin("b"))] };
    const started = await startPlugins(deps({ ...more, logger }));
    expect(started.names).toEqual(["default-applications", "a", "b", "application-directory"]);
    const told = lines.filter((line) => /^(hook|start) /.test(line));
    expect(told).toEqual([
      ...["hook a", "hook b", "hook a", "hook b", "hook a", "hook b"],
      ...["start a", "start b"],
    ]);
    await started.close();
  });

  it("loads a package from the folder of the configuration file, then from FLAME_HOME", async () => {
    const install = (home: string, name: string, author: string, described: object): void => {
      const where = join(folder, home, "node_modules", name);
      mkdirSync(join(where, "lib"), { recursive: true });
      writeFileSync(join(where, "package.json"), JSON.stringify({ name, ...described }));
      writeFileSync(
        join(where, "lib/plugin.mjs"),
        `export default { name: "${name}", apiVersion: 1, start: (host) => host.logger.info({}, "from ${author}") };`,
      );
    };
    const exported = { exports: { ".": { require: "./no.cjs", import: "./lib/plugin.mjs" } } };
    install("conf", "@team/one", "conf", exported);
    install("home", "@team/one", "home", exported);
    install("home", "two", "home", { main: "lib/plugin.mjs" });
    install("home", "none", "home", { exports: { require: "./no.cjs" } });
    install("home", "out", "home", { main: "../../plugin.mjs" });
    const folders = { configFolder: join(folder, "conf"), flameHome: join(folder, "home") };
    const entries = [off, entry("@team/one"), entry("two")];
    const started = await startPlugins(deps({ entries, ...folders }));
    expect(lines.filter((line) => line.startsWith("from"))).toEqual(["from conf", "from home"]);
    await started.close();
    for (const name of ["none", "out"]) {
      expect(await refusal({ entries: [entry(name)], ...folders })).toContain(
        `${join(folder, "home/node_modules", name, "package.json")} without a module to import`,
      );
    }
    for (const name of ["../two", "two/lib", "@team", "."]) {
      expect(await refusal({ entries: [entry(name)], ...folders })).toContain("unknown plugin");
    }
    const disabled = { name: "default-application", enabled: false, options: {} };
    expect(await refusal({ entries: [disabled], ...folders })).toContain("unknown plugin");
  });
});
