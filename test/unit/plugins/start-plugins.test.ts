import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Admission } from "../../../src/application-registry/admission.ts";
import { ApplicationBook } from "../../../src/application-registry/index.ts";
import { SourceFaults } from "../../../src/application-registry/source-faults.ts";
import type { Clock } from "../../../src/kit/clock.ts";
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
    for (const file of ["a.yaml", "b.yml"]) write(file, "metadata: { name: a }\nspec: {}\n");
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
        optionsSchema: { type: "object", required: ["app"], properties: { app: { type: "string" } } },
        async start(host) {
          const source = { origin: "api", author: "mine" };
          const text = "metadata: { name: " + host.options.app + " }\\nspec: {}\\n";
          const [result] = await host.readManifests(text, source);
          await host.applications.register({ ...result, ...source });
          host.onClose(() => host.logger.info({}, "first"));
          host.onClose(() => host.logger.info({}, "second"));
        },
      };`,
    );
    const started = await startPlugins(
      deps({ entries: [off, entry(path, { app: "from-plugin" })] }),
    );
    expect(started.names).toEqual(["mine", "application-directory"]);
    expect(book.get("from-plugin").author).toBe("mine");
    lines = [];
    await started.close();
    await started.close();
    expect(lines).toEqual(["second", "first"]);
  });

  it("checks options by the plugin's own schema before anything starts", async () => {
    const path = write(
      "strict.mjs",
      `export default { name: "strict", start() {},
        optionsSchema: { type: "object", additionalProperties: false, properties: { level: { type: "integer" } } } };`,
    );
    expect(await refusal({ entries: [entry(path, { level: "x", levle: 1 })] })).toMatch(
      /plugin "strict": options\.levle: got the unknown key "levle", expected one of level; did you mean "level"\?.*options\.level: got "x", expected a whole number/,
    );
    expect(names()).toEqual([]);
    const none = write("none.mjs", 'export default { name: "none", start() {} };');
    expect(await refusal({ entries: [entry(none, { a: 1 })] })).toContain(
      "this plugin takes no options",
    );
    const bad = write(
      "bad.mjs",
      'export default { name: "bad", start() {}, optionsSchema: { type: "objekt" } };',
    );
    expect(await refusal({ entries: [entry(bad)] })).toContain(
      "its optionsSchema is no JSON Schema",
    );
  });

  it("stops the start with the name and reason of a plugin that fails, and closes those before it", async () => {
    const good = write(
      "good.mjs",
      'export default { name: "good", start(host) { host.onClose(() => host.logger.info({}, "good closed")); } };',
    );
    const bad = write(
      "throws.mjs",
      'export default { name: "throws", start() { throw new Error("no luck"); } };',
    );
    expect(await refusal({ entries: [off, entry(good), entry(bad)] })).toBe(
      'plugin "throws" failed to start: no luck',
    );
    expect(lines).toContain("good closed");
  });

  it("gives up on a plugin that does not come to an end", async () => {
    const path = write(
      "slow.mjs",
      'export default { name: "slow", start: () => new Promise(() => {}) };',
    );
    const clock: Clock = {
      now: () => 0,
      steady: () => 0,
      after: (delayMs, action) => {
        if (delayMs === 1234) queueMicrotask(action);
        return { cancel: () => undefined };
      },
    };
    expect(await refusal({ entries: [off, entry(path)], clock, startDeadlineMs: 1234 })).toContain(
      'plugin "slow" failed to start: got no end of its start within 1234 ms',
    );
  });

  it("refuses unknown names, modules that are none, and a plugin twice", async () => {
    expect(await refusal({ entries: [entry("defaults")] })).toContain(
      'got the unknown plugin "defaults", expected a built-in one (default-applications, application-directory) or the path of a module',
    );
    expect(await refusal({ entries: [entry(join(folder, "missing.mjs"))] })).toContain(
      "the module can not be loaded",
    );
    const empty = write("empty.mjs", "export const x = 1;");
    expect(await refusal({ entries: [entry(empty)] })).toContain(
      "expected a default export { name, start(host) }",
    );
    expect(await refusal({ entries: [off, off] })).toContain(
      'got the plugin "default-applications" twice',
    );
    const same = write("same.mjs", 'export default { name: "default-applications", start() {} };');
    expect(await refusal({ entries: [entry(same)] })).toContain("twice");
  });
});
