import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { freePorts, isFree } from "../support/ports.ts";
import { type Finished, runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";

const root = resolve(import.meta.dirname, "../..");
const script = join(root, "scripts/start.mjs");
const deadlineMs = 150_000;

/** What `npm start -- ARGS` runs. */
const start = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> =>
  runToEnd(process.execPath, [script, ...args], { env: { ...process.env, ...env }, deadlineMs });

const checkHomes = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith("flame-check-"));

describe("npm start -- --check", () => {
  test("runs the program of the README on a cluster of its own and leaves nothing behind", async () => {
    const port = await freePorts(3);
    const homes = checkHomes();
    const { code, stdout, stderr } = await start(["--check", "--port", String(port)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("Error") });
    expect(stdout).toContain(`http://127.0.0.1:${port}`);
    // What is shown can be typed: with another port than the usual one it says where.
    expect(stdout).toMatch(
      new RegExp(`\\$ FLAME_ENDPOINT=http://127.0.0.1:${port} .*flmctl list app`),
    );
    for (const name of ["flmrun", "flmping", "flmexec"]) expect(stdout).toMatch(`${name} `);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("sum(1, 2) = 3");
    expect(checkHomes()).toEqual(homes);
    for (const taken of [port, port + 1, port + 2]) expect(await isFree(taken)).toBe(true);
  });

  test("refuses a taken port with one message that says which and what to do", async () => {
    const port = await freePorts(3);
    const server = createServer().listen(port + 1, "127.0.0.1");
    try {
      const { code, stderr } = await start(["--check", "--port", String(port)]);
      expect(code).toBe(1);
      expect(stderr).toContain(`port ${port + 1} of 127.0.0.1 (backend) is taken`);
      const advised = Number(/npm start -- --check --port (\d+)$/m.exec(stderr)?.[1]);
      for (const free of [advised, advised + 1, advised + 2]) expect(await isFree(free)).toBe(true);
    } finally {
      server.close();
    }
  });

  test("refuses a home that cannot be one with a message, not a stack", async () => {
    const file = join(root, "package.json");
    const { code, stderr } = await start(["--home", file]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Error: ${file} cannot be a home: its folder bin cannot be made (ENOTDIR).\n` +
        "What to do: name a folder that you may write to, with npm start -- --home DIR\n",
    );
  });

  test("refuses a Python that does not run, naming it and what is expected", async () => {
    const { code, stderr } = await start(["--check"], { FLAME_PYTHON: "/nowhere/python3" });
    expect(code).toBe(1);
    expect(stderr).toBe(
      "Error: FLAME_PYTHON=/nowhere/python3: this command does not run; expected Python >= 3.12\n",
    );
  });
});

describe("npm start", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let child: ChildProcess | undefined;

  beforeEach(() => {
    folder = temporaryFolder("start");
  });

  afterEach(async () => {
    // Told to end, not killed: it has to end the daemons that it started.
    if (child?.exitCode === null) {
      const exited = new Promise((done) => child?.once("exit", done));
      child.kill("SIGTERM");
      await exited;
    }
    folder.remove();
  });

  interface Started {
    readonly home: string;
    readonly port: number;
    readonly args: string[];
    readonly running: ChildProcess;
    /** Waits for what it prints. */
    readonly printed: (text: string) => Promise<void>;
  }

  async function started(): Promise<Started> {
    const home = folder.path;
    const port = await freePorts(3);
    const args = ["--home", home, "--port", String(port)];
    const running = spawn(process.execPath, [script, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = running;
    let output = "";
    for (const stream of [running.stdout, running.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    const printed = async (text: string): Promise<void> => {
      const giveUp = (): boolean => running.exitCode !== null;
      try {
        await waitFor(text, () => output.includes(text), { deadlineMs, giveUp });
      } catch (cause) {
        throw new Error(`npm start said: ${output}`, { cause });
      }
    };
    await printed("up until Ctrl-C");
    return { home, port, args, running, printed };
  }

  const ended = (running: ChildProcess): Promise<number | null> =>
    new Promise((done) => running.once("exit", done));

  test("stays up until Ctrl-C in a home of any place, and refuses a second start there", async () => {
    const { home, port, args, running, printed } = await started();
    await printed(
      `In another terminal, clients need: export FLAME_ENDPOINT=http://127.0.0.1:${port} FLAME_CACHE_ENDPOINT=grpc://127.0.0.1:${port + 2}`,
    );

    const second = await start(args);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`Flame is already running in ${home}`);

    const exited = ended(running);
    running.kill("SIGINT");
    expect(await exited).toBe(0);
    for (const taken of [port, port + 1, port + 2]) expect(await isFree(taken)).toBe(true);
  });

  test("says what Ctrl-C waits for while a task runs, and a second one ends everything at once", async () => {
    const { home, port, running, printed } = await started();
    const mark = join(home, "task-runs");
    const task = spawn(
      join(home, "bin/flmexec"),
      ["-t", "1", "-c", `touch ${mark}; exec sleep 300`],
      {
        env: { ...process.env, FLAME_ENDPOINT: `http://127.0.0.1:${port}` },
        stdio: "ignore",
      },
    );
    try {
      await waitFor("the task", () => existsSync(mark), { deadlineMs });
      const exited = ended(running);
      running.kill("SIGINT");
      await printed("stopping; a second Ctrl-C ends everything at once");
      await printed(
        "waiting for flame-executor-manager to end; it said last: stopping: 1 executor at work; a task that runs has up to 30000 ms more (executors.drain)",
      );
      running.kill("SIGINT");
      await exited;
      const ports = [port, port + 1, port + 2];
      const allFree = async (): Promise<boolean> =>
        (await Promise.all(ports.map(isFree))).every(Boolean);
      expect(await waitFor("the ports", allFree, { deadlineMs: 10_000 })).toBe(true);
    } finally {
      const gone = ended(task);
      task.kill("SIGKILL");
      await gone;
    }
  });
});

test("the README begins with the program that npm start runs", () => {
  const block = /```python\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1];
  expect(readFileSync(join(root, "examples/sum.py"), "utf8")).toContain(block);
});
