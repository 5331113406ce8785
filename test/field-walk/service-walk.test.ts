import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { pythons } from "../support/python.ts";
import { recorded } from "../support/recorder.ts";
import { specKeys } from "./samples.ts";

// The last hops: BindExecutorResponse -> ApplicationContext -> the SDK's SessionContext.application.

/** Keys that ApplicationContext (proto/flame/v1/shim.proto) has no field for, and why that is right. */
const notInApplicationContext: Readonly<Record<string, string>> = {
  description: "for people; a service does not need it",
  labels: "for people; a service does not need them",
  arguments: "the service was started with them: they are its own argv",
  environments: "the service was started with them: they are its own environment",
  max_instances: "the session manager's business",
  delay_release: "the session manager's business",
  task_timeout: "the session manager's business",
  max_crashes: "the session manager's business",
  max_lost_nodes: "the session manager's business",
  warm_instances: "the business of the nodes, before there is a session",
  schema: "the client's business",
  packages: "PackageFolders and the search path tell what was made of them",
};

const fixtures = resolve(import.meta.dirname, "../fixtures/python");
let cluster: TestCluster;
let walked: Record<string, Record<string, unknown>>;

beforeAll(async () => {
  cluster = await startCluster();
  mkdirSync(join(cluster.home, "package"));
  mkdirSync(join(cluster.home, "work-here"));
  const everything = {
    image: "registry.local/image:1",
    description: "walks every hop",
    labels: ["one"],
    arguments: ["an-argument"],
    environments: { WALK: "value" },
    working_directory: join(cluster.home, "work-here"),
    max_instances: 3,
    delay_release: 0,
    task_timeout: 90,
    max_crashes: 2,
    max_lost_nodes: 4,
    warm_instances: 1,
    schema: { input: '{"type":"object"}' },
    url: `file://${join(cluster.home, "package")}`,
    installer: "binary",
  };
  walked = {};
  for (const program of ["raw_instance", "recorder"]) {
    const command = launcher(program);
    walked[`${program}-all`] = { shim: "Host", command, ...everything };
    walked[`${program}-none`] = { command };
  }
  for (const [name, spec] of Object.entries(walked)) {
    const file = join(cluster.home, `${name}.yaml`);
    writeFileSync(file, stringify({ metadata: { name: name.replace("_", "-") }, spec }));
    expect(await cluster.run("flmctl", "register", "-f", file)).toMatchObject({
      code: 0,
      stderr: "",
    });
    const task = `import flamepy\nwith flamepy.create_session("${name.replace("_", "-")}") as s: s.invoke(b"{}")`;
    expect(await cluster.python(task)).toMatchObject({ code: 0, stderr: "" });
  }
});

afterAll(() => cluster.close());

/** A command without arguments that runs a fixture and tells it where to write. */
function launcher(program: string): string {
  const path = join(cluster.home, `${program}.sh`);
  // The application's own name is not known here: the argument tells the two apart.
  const file = `${join(cluster.home, program)}-\${1:+all}.jsonl`;
  writeFileSync(
    path,
    `#!/bin/sh\nexport RECORDER_FILE="${file}"\nexec "${pythons.ours}" "${join(fixtures, `${program}.py`)}" "$@"\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

function lines(file: string): string[] {
  const path = join(cluster.home, file);
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
}

it("sets every key that a context carries", () => {
  const set = Object.keys(walked["raw_instance-all"] ?? {});
  expect(specKeys.filter((key) => !set.includes(key) && !(key in notInApplicationContext))).toEqual(
    [],
  );
});

describe.each(["all", "none"])("an application that sets %s", (which) => {
  const suffix = which === "all" ? "all" : "";

  it.each(specKeys)("carries %s into ApplicationContext, or says why not", (key) => {
    const context = JSON.parse(lines(`raw_instance-${suffix}.jsonl`)[0] ?? "") as Record<
      string,
      unknown
    >;
    const spec = walked[`raw_instance-${which}`];
    const expected =
      key in notInApplicationContext ? undefined : key === "shim" ? "Host" : spec?.[key];
    expect(context[key]).toEqual(expected);
    expect(key in context).toBe(expected !== undefined);
  });

  it.each(specKeys)(
    "carries %s into Python's SessionContext.application, or says why not",
    (key) => {
      const entered = recorded(join(cluster.home, `recorder-${suffix}.jsonl`)).find(
        (one) => one.call === "enter",
      );
      const given = key === "shim" ? "Host" : (walked[`recorder-${which}`]?.[key] ?? null);
      const expected = key in notInApplicationContext ? undefined : given;
      expect(entered?.application?.[key]).toEqual(expected);
    },
  );
});

it("gives a service its arguments and environment as they were registered", () => {
  const entered = recorded(join(cluster.home, "recorder-all.jsonl")).find(
    (one) => one.call === "enter",
  );
  expect(entered?.arguments?.at(-1)).toBe("an-argument");
  expect(entered?.environment?.["WALK"]).toBe("value");
  expect(entered?.cwd).toBe(join(cluster.home, "work-here"));
});
