import { cpSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { connect, TaskFailedError } from "../../src/sdk/client.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { installedManifest, type NpmProject, npmProject } from "../support/npm-project.ts";
import { runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";

const example = resolve(import.meta.dirname, "../../examples/typescript");
const fixtures = resolve(import.meta.dirname, "../fixtures/services");
const strict = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022"];
/** How programs of today find the types of a package. */
const resolutions = [
  ["node16", "node16"],
  ["esnext", "bundler"],
] as const;

const rightProgram = `
  import { bytes, type Codec, connect, FlameError, type Session, TaskFailedError } from "flame-ts/client";
  import type { FlamePlugin } from "flame-ts/plugin";
  import { serve } from "flame-ts/service";

  const flame = connect({ endpoint: "http://127.0.0.1:1", callTimeoutMs: 1_000 });
  const session: Session<number, string> = await flame.createSession<number, string>({ application: "a" });
  const output: string = await session.invoke(1, { timeoutMs: 5, signal: AbortSignal.timeout(5) });
  for await (const each of session.map([1, 2], { concurrency: 2 })) output.concat(each);
  const raw = await flame.createSession({ application: "a", codecs: { input: bytes, output: bytes } });
  const given: Uint8Array | undefined = await raw.invoke(new Uint8Array(1));
  const date: Codec<Date> = {
    encode: (value) => Buffer.from(value.toISOString()),
    decode: (value) => new Date(String(value)),
  };
  const dates = await flame.createSession({ application: "a", codecs: { input: date } });
  await dates.invoke(new Date());
  const thrown: unknown = new FlameError("aborted", "x");
  if (thrown instanceof TaskFailedError) thrown.taskId.concat(thrown.application ?? "");
  await serve({
    onSessionEnter: ({ commonData }) => ({ seen: String(commonData) }),
    onTaskInvoke: (input: number, { state, signal }) => (signal.aborted ? 0 : input + state.seen.length),
  });
  export const plugin: FlamePlugin = { name: "x", apiVersion: 1 };
  export { given };
`;

const wrongPrograms = [
  [
    "an input of another type",
    `(await flame.createSession<number, string>({ application: "a" })).invoke("x")`,
    "number",
  ],
  [
    "an output of another type",
    `const n: number = await (await flame.createSession<number, string>({ application: "a" })).invoke(1)`,
    "number",
  ],
  ["an unknown option", `connect({ endpont: "x" })`, "endpont"],
  ["a session without an application", `flame.createSession({})`, "application"],
  ["a service without a task method", `serve({})`, "onTaskInvoke"],
  [
    "an output that is not the service's",
    `serve<number, string>({ onTaskInvoke: (n) => n })`,
    "string",
  ],
] as const;

describe("the npm package flame-ts", () => {
  const scratch = temporaryFolder("npm");
  let project: NpmProject;
  let cluster: TestCluster;

  beforeAll(async () => {
    project = await npmProject(scratch.path, example);
    cluster = await startCluster();
  });

  afterAll(async () => {
    await cluster?.close();
    scratch.remove();
  });

  test("says what npm shows of it, and brings no native code, database or server along", () => {
    const { name, license, keywords, exports } = installedManifest(project, "flame-ts");
    expect({ name, license }).toEqual({ name: "flame-ts", license: "Apache-2.0" });
    expect(keywords).toEqual(expect.arrayContaining(["flame"]));
    expect(Object.keys(exports as object)).toEqual(
      expect.arrayContaining(["./client", "./service", "./plugin"]),
    );
    const modules = join(project.folder, "node_modules");
    expect(readdirSync(join(modules, "flame-ts"))).toEqual(
      expect.arrayContaining(["LICENSE", "README.md"]),
    );
    expect(readdirSync(modules)).not.toContain("better-sqlite3");
    const files = readdirSync(modules, { recursive: true, encoding: "utf8" });
    expect(files.filter((file) => file.endsWith(".node"))).toEqual([]);
  });

  test("names nothing in its types that it does not have", () => {
    const folder = join(project.folder, "node_modules/flame-ts");
    for (const entry of ["client", "service", "plugin"]) {
      const types = readFileSync(join(folder, `${entry}.d.ts`), "utf8");
      expect(types.match(/^import .*|import\(.*|from ".*|require\(.*/gm) ?? []).toEqual([]);
    }
  });

  test.each(resolutions)(
    "types a program strictly with module %s, resolved as %s; what is wrong is an error",
    async (module, moduleResolution) => {
      const flags = [...strict, "--module", module, "--moduleResolution", moduleResolution];
      project.file("right.ts", rightProgram);
      const head = `import { connect } from "flame-ts/client"; import { serve } from "flame-ts/service"; const flame = connect();`;
      const files = wrongPrograms.map(([, program], index) => {
        project.file(
          `wrong-${index}.ts`,
          `${head}\nexport const use = [serve, flame];\n${program};\n`,
        );
        return `wrong-${index}.ts`;
      });
      const { stdout } = await project.tsc(...flags, "--pretty", "false", "right.ts", ...files);
      // Each fault is a line, and what is indented below it.
      const faults = stdout.trimEnd().split(/\n(?! )/);
      expect(faults).toHaveLength(wrongPrograms.length);
      for (const [index, [what, , word]] of wrongPrograms.entries()) {
        const found = faults.filter((fault) => fault.startsWith(`wrong-${index}.ts(3,`));
        expect([what, found.join("\n")]).toEqual([what, expect.stringContaining(word)]);
      }
    },
  );

  test("docs/typescript.md shows programs that the compiler takes", async () => {
    const document = readFileSync(resolve(example, "../../docs/typescript.md"), "utf8");
    const programs = [...document.matchAll(/^```ts\n([\s\S]*?)^```/gm)];
    expect(programs.length).toBeGreaterThan(5);
    const files = programs.map(([, program], index) => {
      project.file(`shown-${index}.ts`, program ?? "");
      return `shown-${index}.ts`;
    });
    const flags = [...strict, "--module", "node16", "--moduleResolution", "node16"];
    expect(await project.tsc(...flags, ...files)).toMatchObject({ code: 0, stdout: "" });
  });

  test("says as a program what to install", async () => {
    const { code, stdout, stderr } = await runToEnd("npx", ["--no-install", "flame-ts"], {
      cwd: project.folder,
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("run npm start in their folder");
  });

  test("tells a program that no compiler has read what is wrong with it, before anything is sent", async () => {
    const program = project.file(
      "plain.mjs",
      `import { connect } from "flame-ts/client";
      const flame = connect({ endpoint: "http://127.0.0.1:1", cacheEndpoint: "grpc://127.0.0.1:1" });
      const told = async (work) => work().then(console.log, ({ code, message }) => console.log(code, message));
      await told(() => flame.createSession());
      await told(() => flame.createSession({ application: "a", packages: "numpy" }));
      await told(() => flame.openSession());
      await told(() => flame.closeSession("a", { forced: true }));
      await told(() => flame.objects.put("a/b", "text"));
      connect({ endpont: "http://127.0.0.1:1" });`,
    );
    const { code, stdout, stderr } = await runToEnd(process.execPath, [program], {
      cwd: project.folder,
    });
    expect(code).toBe(1);
    expect(stdout.trimEnd().split("\n")).toEqual([
      "invalid_argument createSession: got undefined, expected an object of options",
      'invalid_argument createSession: packages: got a text, expected an array of texts, such as ["numpy>=2"]',
      "invalid_argument openSession: id: got undefined, expected a text",
      'invalid_argument close: got the unknown option "forced", expected one of force',
      "invalid_argument the object: got string, expected bytes (a Uint8Array, such as Buffer.from(text))",
    ]);
    // The name of its class, whatever the bundle makes of it.
    expect(stderr).toMatch(
      /^FlameError: connect: got the unknown option "endpont", expected one /m,
    );
  });

  test("runs the example: its service on our nodes, its client against them", async () => {
    expect(await project.tsc("-p", ".")).toMatchObject({ code: 0, stdout: "" });
    const manifest = readFileSync(join(example, "application.yaml"), "utf8");
    const file = project.file("here.yaml", manifest.replaceAll("/opt/count-words", project.folder));
    const applied = await cluster.run("flmctl", "apply", "-f", file);
    expect(applied).toMatchObject({
      code: 0,
      stdout: "application/count-words created\n",
      stderr: "",
    });
    const { code, stdout, stderr } = await runToEnd(process.execPath, ["dist/client.js"], {
      cwd: project.folder,
      env: cluster.env,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const document = readFileSync(resolve(example, "../../docs/typescript.md"), "utf8");
    const [, shown = ""] = /^\$ node dist\/client.js\n([\s\S]*?)^```/m.exec(document) ?? [];
    // The last two end in any order.
    const sorted = (text: string): string[] => text.trimEnd().split("\n").sort();
    expect(sorted(stdout)).toEqual(sorted(shown));
  });

  test("a service is told to end, has time for it, and says how its tasks fail", async () => {
    cpSync(join(fixtures, "typed-service.mjs"), join(project.folder, "typed-service.mjs"));
    const spec = { command: "node", arguments: [join(project.folder, "typed-service.mjs")] };
    const steps = join(project.folder, "steps");
    const flame = connect({ endpoint: cluster.endpoint });
    try {
      await flame.applications.register("typed", spec);
      const commonData = { file: steps };
      const session = await flame.createSession<{ what: string }>({
        application: "typed",
        commonData,
      });
      expect(await session.invoke({ what: "who" })).toEqual({ session: session.id });
      const failed = await session.invoke({ what: "fail" }).catch((thrown: unknown) => thrown);
      expect(failed).toBeInstanceOf(TaskFailedError);
      expect(failed).toMatchObject({ application: "typed", sessionId: session.id, taskId: "2" });
      expect((failed as Error).message).toMatch(
        /^TypeError: as it was told to\n\s+at .*typed-service\.mjs:\d+/,
      );
      const stop = new AbortController();
      const cancelled = session.invoke(
        { what: "wait" },
        { signal: stop.signal, cancelTasks: true },
      );
      const noted = (): string[] => readFileSync(steps, "utf8").trimEnd().split("\n");
      await waitFor("the task to run", () => noted().at(-1) === "waits", { deadlineMs: 60_000 });
      stop.abort(new Error("enough"));
      await expect(cancelled).rejects.toThrow("enough");
      await waitFor("the service to end", () => noted().at(-1) === "over", { deadlineMs: 60_000 });
      expect(noted()).toEqual([
        "entered",
        "waits",
        "aborted: the service was told to end",
        `left ${session.id}`,
        "over",
      ]);
      expect((await session.task("3").get()).state).toBe("Failed");
      await session.close();
    } finally {
      flame.close();
    }
  });

  test("what tasks print reaches the client before the session is closed, and keeps no program alive", async () => {
    cpSync(join(fixtures, "printing-service.mjs"), join(project.folder, "printing-service.mjs"));
    const spec = { command: "node", arguments: [join(project.folder, "printing-service.mjs")] };
    const flame = connect({ endpoint: cluster.endpoint });
    try {
      await flame.applications.register("printing", spec);
    } finally {
      flame.close();
    }
    const program = project.file(
      "prints.mjs",
      `import { connect } from "flame-ts/client";
      const flame = connect();
      const options = { application: "printing", maxInstances: 1 };
      const shown = await flame.createSession({ ...options, logs: true });
      for (const text of ["first", "zwölf ☃", "a\\nb"]) await shown.invoke(text);
      await shown.close();
      console.log("done");
      const lines = [];
      const taken = await flame.createSession({ ...options, logs: (line) => lines.push(line) });
      for await (const output of taken.map(Array.from({ length: 200 }, (_, n) => String(n)))) output;
      await taken.close();
      const texts = lines.filter(({ stream }) => stream === "out").map(({ text }) => text);
      console.log(texts.length, texts.every((text, at) => text === String(at)));
      const [{ executorId, node, sessionId, taskId }] = lines;
      console.log(executorId.length > 8, node !== "", sessionId === taken.id, taskId);
      // Nobody looks, and nothing is closed.
      await (await flame.createSession(options)).invoke("nobody");
      await (await flame.createSession({ ...options, logs: () => undefined })).invoke("nobody");`,
    );
    const run = { cwd: project.folder, env: cluster.env };
    const { code, stdout, stderr } = await runToEnd(process.execPath, [program], run);
    const bare = (text: string): string[] => text.replaceAll(/^\(\w{8} ?/gm, "(").split("\n");
    expect(code).toBe(0);
    expect(bare(stdout)).toEqual([
      "(task 1) first",
      "(task 2) zwölf ☃",
      "(task 3) a",
      "(task 3) b",
      "done",
      "200 true",
      "true true true 1",
      "",
    ]);
    expect(bare(stderr)).toEqual([
      "(task 1) wrong: first",
      "(task 2) wrong: zwölf ☃",
      "(task 3) wrong: a",
      "(task 3) b",
      "",
    ]);
  });

  const noExecutor = async (): Promise<boolean> => {
    const { stdout } = await cluster.run("flmctl", "list", "executor", "-o", "json");
    return (JSON.parse(stdout) as unknown[]).length === 0;
  };

  test("four levels of tasks that wait for tasks of their own run on a node with room for one", async () => {
    cpSync(join(fixtures, "nested-service.mjs"), join(project.folder, "nested-service.mjs"));
    const spec = { command: "node", arguments: [join(project.folder, "nested-service.mjs")] };
    const flame = connect({ endpoint: cluster.endpoint });
    try {
      await flame.applications.register("nested", spec);
      const resreq = { cpu: availableParallelism(), memory: 2 ** 20, gpu: 0 };
      const ways = ["together", "map", "results", "result"].map((way) => ({ below: 1, way }));
      for (const input of [{ below: 3, way: "invoke" }, ...ways]) {
        const session = await flame.createSession<object, number>({
          application: "nested",
          resreq,
        });
        expect([input, await session.invoke(input)]).toEqual([input, input.below + 2]);
        await session.close();
        // Else one that is left over could be taken without room.
        await waitFor("the executors to end", noExecutor, { deadlineMs: 60_000, intervalMs: 200 });
      }
    } finally {
      flame.close();
    }
  });
});
