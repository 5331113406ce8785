import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import * as pb from "../../../src/protocol/generated/flame/v1/types.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ControllerUnderTest, yaml } from "./controller-under-test.ts";
import { type ReferenceEngine, ReferenceFrontend } from "./reference-frontend.ts";

const everything = {
  shim: "Wasm",
  image: "registry.example/x:1",
  description: "",
  labels: ["a", "b"],
  command: "/bin/x",
  arguments: ["", "-v"],
  environments: { B: "2", A: "" },
  working_directory: "/srv/x",
  max_instances: 1_000_000,
  schema: { input: '{"type":"object"}' },
  url: "file:///x.whl",
  installer: "python",
};

const engines: readonly ReferenceEngine[] = ["sql", "fs", "none"];
let controller: ControllerUnderTest;
let reference: ReferenceFrontend;
beforeEach(() => {
  controller = new ControllerUnderTest();
});
afterEach(async () => {
  await controller.close();
  reference.server.stop();
});

async function beside(engine: ReferenceEngine): Promise<void> {
  reference = new ReferenceFrontend(engine);
  await reference.server.start();
  controller.endpoint = reference.server.endpoint;
}

/** Somebody else's change in the cluster. */
function tamper(name: string, change: object): void {
  const application = reference.applications.get(name)!;
  reference.applications.set(name, {
    ...application,
    spec: { ...application.spec!, ...change },
  });
}

describe.each(engines)("beside the published session manager on %s", (engine) => {
  beforeEach(() => beside(engine));

  it("brings a cluster to what the directory says, and then has nothing to do, run after run", async () => {
    controller.write("a.yaml", `${yaml("a", everything)}---\n${yaml("b")}`);
    const first = await controller.once();
    expect(first).toMatchObject({ code: 0, err: [] });
    expect(first.out).toHaveLength(3);
    expect(first.out[1]).toBe("application/b created");
    expect(first.out[2]).toBe("0 in order, 2 changed, 0 not in order");
    expect(reference.applications.get("a")?.spec).toMatchObject({
      command: "/bin/x",
      url: "file:///x.whl",
    });
    const state = controller.stateText();
    for (const flags of [[], ["--dry-run"]]) {
      const again = await controller.once(...flags);
      expect(again).toMatchObject({ code: 0, err: [] });
      expect(again.out).toEqual([
        `2 in order, 0 ${flags.length > 0 ? "would change" : "changed"}, 0 not in order`,
      ]);
    }
    expect(reference.changes).toEqual(["register a", "register b"]);
    expect(controller.stateText()).toBe(state);
  });

  it("finds what somebody changed there, tells it field by field and puts it right", async () => {
    controller.write("a.yaml", yaml("a", { command: "/bin/a", labels: ["x"] }));
    await controller.once();
    tamper("a", { command: "/bin/evil", labels: [], description: "hm" });
    const line =
      'application/a drifted there and would be configured: labels: nothing -> ["x"]; command: "/bin/evil" -> "/bin/a"; description: "hm" -> nothing';
    const dry = await controller.once("--dry-run");
    expect(dry.code).toBe(1);
    expect(dry.out[0]).toBe(line);
    expect(reference.applications.get("a")?.spec?.command).toBe("/bin/evil");
    const real = await controller.once();
    expect(real.code).toBe(0);
    expect(real.out[0]).toBe(line.replace("would be configured", "configured"));
    expect(reference.applications.get("a")?.spec).toMatchObject({
      command: "/bin/a",
      labels: ["x"],
    });
  });

  it("leaves applications with open sessions alone, says so, and goes on when they are closed", async () => {
    controller.write("a.yaml", yaml("a", { command: "1" }));
    controller.write("b.yaml", yaml("b"));
    await controller.once();
    reference.openSessions = ["a", "b", "b"];
    controller.write("a.yaml", yaml("a", { command: "2" }));
    controller.remove("b.yaml");
    const busy = await controller.once();
    expect(busy.code).toBe(1);
    expect(busy.err).toEqual([
      'Warning: application/a would be configured when 1 open session is closed: command: "1" -> "2"',
      `Warning: application/b would be removed when 2 open sessions are closed: ${controller.path("b.yaml")} says nothing about it any more`,
    ]);
    expect(reference.applications.get("a")?.spec?.command).toBe("1");
    reference.openSessions = [];
    expect((await controller.once()).code).toBe(0);
    expect([...reference.applications.keys()]).toEqual(["a"]);
    expect(reference.applications.get("a")?.spec?.command).toBe("2");
  });

  it("registers of the shipped defaults those that are absent, and insists on them only when asked to", async () => {
    controller.write("flmexec.yaml", yaml("flmexec", { command: "/bin/ours" }));
    await controller.once();
    expect((await controller.once("--defaults=absent")).code).toBe(0);
    expect([...reference.applications.keys()].sort()).toEqual(["flmexec", "flmping", "flmrun"]);
    // The published one: nodes there have no flmrun project.
    const published = {
      command: "${FLAME_HOME}/bin/uv",
      arguments: [
        ...["run", "--python", "python${FLAME_PYTHON_VERSION}", "python", "-m"],
        "flamepy.runner.runpy",
      ],
      installer: "python",
    };
    expect(reference.applications.get("flmrun")?.spec).toMatchObject(published);
    expect(reference.applications.get("flmrun")?.spec?.workingDirectory).toBeUndefined();
    expect((await controller.once("--defaults=replace")).out).toEqual([
      "3 in order, 0 changed, 0 not in order",
    ]);
    tamper("flmrun", { command: "/bin/other" });
    const absent = await controller.once("--defaults=absent");
    expect(absent.code).toBe(0);
    expect(reference.applications.get("flmrun")?.spec?.command).toBe("/bin/other");
    expect((await controller.once("--defaults=replace")).code).toBe(0);
    expect(reference.applications.get("flmrun")?.spec).toMatchObject(published);
    expect(reference.applications.get("flmexec")?.spec?.command).toBe("/bin/ours");
  });

  it("puts the nodes' FLAME_HOME into folders that begin with it", async () => {
    controller.write("a.yaml", yaml("a", { working_directory: "${FLAME_HOME}/work/a" }));
    await controller.once();
    const folder = (): string | undefined =>
      reference.applications.get("a")?.spec?.workingDirectory;
    expect(folder()).toBe("/opt/flame/work/a");
    await controller.once("--flame-home", "/usr/local/flame");
    expect(folder()).toBe("/usr/local/flame/work/a");
  });
});

describe("what an engine does not keep", () => {
  it("is no difference on SQL, which loses shim and image", async () => {
    await beside("sql");
    controller.write("a.yaml", yaml("a", everything));
    const { out } = await controller.once();
    expect(out[0]).toBe("application/a created, without shim and image: not kept there");
    expect((await controller.once("--dry-run")).code).toBe(0);
  });

  it("is one where the engine keeps it for another application", async () => {
    await beside("none");
    controller.write("a.yaml", yaml("a", { image: "x:1" }));
    controller.write("b.yaml", yaml("b", { image: "x:1" }));
    await controller.once();
    tamper("a", { image: undefined });
    const { out } = await controller.once();
    expect(out[0]).toBe('application/a drifted there and configured: image: nothing -> "x:1"');
  });

  it("is written once, not round after round: the file system's update does not change the shim", async () => {
    await beside("fs");
    controller.write("a.yaml", yaml("a", { shim: "Wasm" }));
    await controller.once();
    controller.write("a.yaml", yaml("a", { command: "x" }));
    const { code, out } = await controller.once();
    expect(code).toBe(0);
    expect(out[0]).toContain("without shim: not kept there");
    expect(await controller.once()).toMatchObject({ code: 0, err: [] });
    expect(reference.changes).toEqual(["register a", "update a"]);
  });
});

describe("what the controller did not make", () => {
  beforeEach(() => beside("sql"));

  it("is never removed: neither what was there before nor what came in its place", async () => {
    reference.applications.set(
      "before",
      pb.Application.fromPartial({ spec: {}, metadata: { name: "before" }, status: {} }),
    );
    controller.write(
      "a.yaml",
      `${yaml("before")}---\n${yaml("again-1")}---\n${yaml("made")}---\n${yaml("again-2")}`,
    );
    await controller.once();
    for (const name of ["again-1", "again-2"]) reference.applications.delete(name);
    controller.remove("a.yaml");
    // Somebody else registers these anew: they are not the ones that were made.
    for (const name of ["again-1", "again-2"]) {
      const made = reference.applications.get("made")!;
      reference.applications.set(name, {
        ...made,
        metadata: { id: name, name },
        status: { ...made.status!, creationTime: 5n },
      });
    }
    expect((await controller.once()).out[0]).toContain("application/made removed");
    expect([...reference.applications.keys()]).toEqual(["before", "again-1", "again-2"]);
  });

  it("and without a state file nothing at all is removed", async () => {
    const flags = ["--once", "--defaults=none", "--directory", controller.folder];
    controller.write("a.yaml", yaml("a"));
    await controller.run(...flags);
    controller.remove("a.yaml");
    expect((await controller.run(...flags)).code).toBe(0);
    expect([...reference.applications.keys()]).toEqual(["a"]);
  });

  it("but is taken away with its file also when somebody changed it the moment it was made", async () => {
    controller.write("a.yaml", yaml("a"));
    reference.afterRegister = (name) => {
      tamper(name, { command: "/somebody/else" });
    };
    const made = await controller.once();
    expect(made).toMatchObject({
      code: 1,
      err: [expect.stringContaining("it was taken, but afterwards differs in command")],
    });
    controller.remove("a.yaml");
    expect(await controller.once()).toMatchObject({ code: 0 });
    expect([...reference.applications.keys()]).toEqual([]);
  });

  it("nor while its file is broken or the directory is away", async () => {
    controller.write("a.yaml", yaml("a"));
    await controller.once();
    controller.write("a.yaml", "metadata: { name: a }\nspec: { comand: x }\n");
    const broken = await controller.once();
    expect(broken.code).toBe(1);
    expect(broken.err[0]).toContain(`Warning: ${controller.path("a.yaml")}:2:9: spec.comand: got`);
    const away = await controller.once("--directory", `${controller.folder}-away`);
    expect(away.code).toBe(1);
    expect(away.err[0]).toContain("the directory does not exist");
    expect([...reference.applications.keys()]).toEqual(["a"]);
  });
});

describe("a controller that goes on", () => {
  const running = (): ReturnType<ControllerUnderTest["start"]> =>
    controller.start(
      "--directory",
      controller.folder,
      "--state",
      controller.state,
      "--defaults=none",
      "--interval=1",
    );

  it("applies saves and removals at once, and puts drift right round after round", async () => {
    await beside("sql");
    const run = running();
    controller.write("a.yaml", yaml("a", { command: "1" }));
    // Not a moment earlier: what differs when it is read again is told.
    await waitFor(
      "it is created and remembered",
      () =>
        existsSync(controller.state) && readFileSync(controller.state, "utf8").includes("a.yaml"),
    );
    tamper("a", { command: "drift" });
    await waitFor("it is put right", () => reference.applications.get("a")?.spec?.command === "1");
    controller.remove("a.yaml");
    await waitFor("it is removed", () => !reference.applications.has("a"), { deadlineMs: 30_000 });
    run.stop();
    const { code, err } = await run.ended;
    expect(code).toBe(0);
    expect(err).toEqual([]);
  });

  it("starts while the cluster is away, and waits out a restart", async () => {
    await beside("fs");
    reference.server.stop();
    controller.write("a.yaml", yaml("a"));
    const run = running();
    await waitFor("it says so", () => run.err.some((line) => line.includes("failed to connect")));
    await reference.server.start();
    await waitFor("it is created", () => reference.applications.has("a"), { deadlineMs: 30_000 });
    expect(run.err).toHaveLength(1);
    expect(run.err[0]).toContain("tried again until it works");
    reference.server.stop();
    controller.write("b.yaml", yaml("b"));
    await reference.server.start();
    await waitFor("it goes on", () => reference.applications.has("b"), { deadlineMs: 30_000 });
    run.stop();
    expect((await run.ended).code).toBe(0);
  });
});

describe("flame-registry refuses", () => {
  beforeEach(() => beside("sql"));

  it("a cluster that is away, once", async () => {
    reference.server.stop();
    const { code, err } = await controller.once();
    expect(code).toBe(1);
    expect(err[0]).toContain("Error: failed to connect to");
  });

  it("a state file of another cluster, or that is none", async () => {
    await controller.once();
    controller.write("a.yaml", yaml("a"));
    const other = new ReferenceFrontend("sql");
    await other.server.start();
    const first = controller.endpoint;
    controller.endpoint = other.server.endpoint;
    const refusal = await controller.once();
    other.server.stop();
    expect(refusal.code).toBe(1);
    expect(refusal.err[0]).toContain(
      `is that of ${first}, got the endpoint ${other.server.endpoint}`,
    );
    expect(other.changes).toEqual([]);
    writeFileSync(controller.state, '{"version":1,"endpoint":"x","applications":{"a":3}}');
    expect((await controller.once()).err[0]).toContain("is none of flame-registry's");
  });

  it.each([
    ["--interval=0", 'got "0", expected whole seconds'],
    ["--defaults=all", "Allowed choices are absent, replace, none"],
    ["--nonsense", "unknown option"],
  ])("the flag %s", async (flag, text) => {
    const { code, err } = await controller.run(flag);
    expect(code).toBe(2);
    expect(err.join("\n")).toContain(text);
  });

  it("an endpoint that is none", async () => {
    controller.endpoint = "ftp://x";
    const { code, err } = await controller.once();
    expect(code).toBe(1);
    expect(err[0]).toContain("--endpoint: ");
  });
});
