import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { pythons, runPython } from "../support/python.ts";
import { waitFor } from "../support/wait-for.ts";

jest.setTimeout(180_000);

const programs = join(import.meta.dirname, "python");
const read = (name: string): string => readFileSync(join(programs, `${name}.py`), "utf8");

describe("flmrun, used by our flamepy", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });

  afterAll(async () => {
    await cluster.close();
  });

  /** Runs one of the programs, which print one JSON value, and nothing on stderr. */
  async function run(name: string, env: Record<string, string> = {}): Promise<unknown> {
    const { code, stdout, stderr } = await runPython(pythons.ours, read(name), {
      env: { ...cluster.env, ...env },
      deadlineMs: 150_000,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout);
  }

  test("calls functions, lambdas, builtins, objects and classes with every kind of input", async () => {
    expect(await run("calls")).toEqual({
      "no input, args, kwargs": [0, 3, 7],
      lambda: [[1, "closed over"]],
      builtin: [3],
      partial: [42],
      object: ["hi you", "HI FLAME"],
      class: "good day all",
      nothing: [null],
      futures: Array.from({ length: 50 }, (_, n) => 2 * n),
      "a result as an argument": 13,
      "an object as an argument": 5,
      "by get_object": 3,
    });
  });

  test("keeps what calls change in a stateful object, and nothing of a failed call", async () => {
    const futures = Array.from({ length: 20 }, (_, n) => 7 + n);
    expect(await run("stateful")).toEqual([2, 6, "ValueError: after all", futures]);
  });

  test("passes 64 MiB as an argument, as the execution object and as a result", async () => {
    const found = (await run("large")) as Record<string, unknown>;
    const { expected, replaced, "replaced, expected": replacedExpected, ...others } = found;
    expect(expected).toEqual([67_108_864, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(replaced).toEqual(replacedExpected);
    for (const [what, digest] of Object.entries(others))
      expect({ what, digest }).toEqual({ what, digest: expected });
    expect(Object.keys(others)).toHaveLength(6);
  });

  test("serves three stateful sessions at once where only two instances fit", async () => {
    const { fit, values } = (await run("three_sessions")) as { fit: number; values: number[][] };
    expect(fit).toBeLessThan(3);
    expect(values).toEqual([
      [0, 1, 2],
      [0, 2, 4],
      [0, 3, 6],
      [0, 4, 8],
    ]);
  });

  test("applies a call once when the service dies between keeping the state and answering", async () => {
    const marker = join(cluster.home, "died");
    const manifest = join(cluster.home, "dies.yaml");
    const spec = {
      command: pythons.ours,
      arguments: [join(programs, "dies_after_write_back.py")],
      environments: { TEST_MARKER: marker },
    };
    writeFileSync(manifest, JSON.stringify({ metadata: { name: "dies" }, spec }));
    expect(await cluster.run("flmctl", "register", "-f", manifest)).toMatchObject({ code: 0 });
    const found = await run("kill_after_write_back", { TEST_MARKER: marker });
    expect(found).toMatchObject({ died: true, values: [5, 6] });
    // Created, running, put back because the service died, running again, succeeded.
    expect((found as { events: number[] }).events).toEqual([0, 1, 5, 1, 2]);
  });

  test("tells errors of the user's code with type, text, cause and remote traceback", async () => {
    const failure = {
      message: "OwnError: no 1 here",
      type: "OwnError",
      cause: "OwnError('no 1 here')",
      frames: ["outer", "inner"],
      printed: true,
    };
    const found = (await run("errors")) as Record<string, unknown>;
    expect(found).toMatchObject({
      invoke: failure,
      future: failure,
      task: "OwnError: no 1 here",
      counts: [3, 0],
    });
    expect(found["unknown method"]).toMatch(
      /^AttributeError: function has no method 'nothing'; it has: /,
    );
    expect(found["two inputs"]).toContain("Only one of args, kwargs and input_object");
  });

  test("refuses code of another Python minor version by name", async () => {
    const found = (await run("python_version")) as Record<string, unknown>;
    const refused = (what: string): unknown => [
      expect.stringMatching(
        new RegExp(
          `^PythonVersionError: ${what} was made with Python 3\\.11, but would be loaded by Python ` +
            `${String(found["real"])}: .*FLAME_PYTHON_VERSION=3\\.11`,
        ),
      ),
      true,
    ];
    expect(found["request"]).toEqual(refused("the request of task 1"));
    expect(found["session"]).toEqual(refused("session flmrun-\\w{6}"));
    expect(found["afterwards"]).toBe(1);
  });

  test("resolves futures through a kill of the session manager", async () => {
    const marker = join(cluster.home, "results");
    const env = { ...cluster.env, TEST_MARKER: marker };
    let ended = false;
    const running = runPython(pythons.ours, read("many_futures"), { env }).finally(() => {
      ended = true;
    });
    const manager = cluster.daemon("flame-session-manager");
    await waitFor("the first results", () => existsSync(marker), { deadlineMs: 60_000 });
    await manager.stop("SIGKILL");
    expect(ended).toBe(false);
    await manager.start();
    const { code, stdout, stderr } = await running;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "4950\n", stderr: "" });
  });
});
