import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { freePorts, isFree } from "../support/ports.ts";
import { type Finished, preparedHome, runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";

const root = resolve(import.meta.dirname, "../..");
const bin = join(preparedHome, "bin");
const python = join(preparedHome, "work/flmrun/.venv/bin/python");
const sum = join(root, "examples/sum.py");

let folder: ReturnType<typeof temporaryFolder>;
let env: NodeJS.ProcessEnv;
let port: number;
let up: ChildProcess | undefined;

beforeEach(async () => {
  folder = temporaryFolder("new-user");
  port = await freePorts(3);
  mkdirSync(join(folder.path, "user"));
  // A fresh login: nothing is set for Flame.
  env = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: join(folder.path, "user"),
    FLAME_TEST_RUN: process.env["FLAME_TEST_RUN"],
  };
});

afterEach(async () => {
  if (up?.exitCode === null) {
    const exited = new Promise((done) => up?.once("exit", done));
    up.kill("SIGTERM");
    await exited;
  }
  up = undefined;
  folder.remove();
});

const run = (program: string, args: string[], more: NodeJS.ProcessEnv = {}): Promise<Finished> =>
  runToEnd(program, args, { env: { ...env, ...more }, cwd: folder.path });

/** `flame up` with a configuration of its own; resolves with what it printed when everything serves. */
async function flameUp(config: object): Promise<string> {
  const file = join(folder.path, "flame-cluster.yaml");
  writeFileSync(file, JSON.stringify(config));
  const child = spawn(join(bin, "flame"), ["up", "--config", file], { env, cwd: folder.path });
  up = child;
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  await waitFor("flame up", () => said.includes("until Ctrl-C.\n"), {
    deadlineMs: 60_000,
    giveUp: () => child.exitCode !== null,
  }).catch((cause: unknown) => {
    throw new Error(`flame up said: ${said}`, { cause });
  });
  await waitFor("what clients need", () => said.includes("Clients need: export "));
  return said;
}

/** The variables that `flame up` tells, as a person would copy them. */
function settingsIn(said: string): NodeJS.ProcessEnv {
  const line = /^Clients need: export (.*)$/m.exec(said)?.[1] ?? "";
  return Object.fromEntries(line.split(" ").map((pair) => pair.split("=") as [string, string]));
}

async function expectASum(settings: NodeJS.ProcessEnv): Promise<void> {
  expect(await run(python, [sum], settings)).toEqual({ code: 0, stdout: "3\n", stderr: "" });
  const ping = await run(join(bin, "flmping"), ["-t", "3"], settings);
  expect(ping).toMatchObject({ code: 0, stderr: "" });
}

async function expectDown(): Promise<void> {
  const exited = new Promise((done) => up?.once("exit", done));
  const down = await run(join(bin, "flame"), ["down"]);
  expect(down).toEqual({ code: 0, stdout: `Flame in ${preparedHome} is down.\n`, stderr: "" });
  expect(await exited).toBe(0);
  for (const taken of [port, port + 1, port + 2]) expect(await isFree(taken)).toBe(true);
  expect(await run(join(bin, "flame"), ["status"])).toMatchObject({ code: 1 });
}

describe("with an installation and nothing else, a new user", () => {
  test("starts it, sees it serve, runs the sum, cannot install over it, and stops it", async () => {
    const said = await flameUp({
      cluster: { endpoint: `http://127.0.0.1:${port}` },
      cache: { endpoint: `grpc://127.0.0.1:${port + 2}` },
    });
    const status = await run(join(bin, "flame"), ["status"]);
    expect(status).toMatchObject({ code: 0, stderr: "" });
    expect(status.stdout.match(/ serving /g)).toHaveLength(4);
    await expectASum(settingsIn(said));

    const upgrade = await run(join(root, "scripts/install.sh"), ["--prefix", preparedHome]);
    expect(upgrade).toMatchObject({ code: 1, stdout: "" });
    expect(upgrade.stderr).toMatch(
      /^Error: flame \(process \d+\), .* runs in .*\nWhat to do: end it/,
    );
    await expectDown();
  });

  test("does the same over TLS with tokens, with what flame up says that clients need", async () => {
    const certificates = join(folder.path, "certs");
    await run(join(root, "scripts/dev-certs.sh"), [certificates]);
    for (const name of ["clients", "nodes"]) {
      writeFileSync(join(certificates, name), `${name}-0123456789abcdef\n`);
    }
    const tls = {
      cert_file: "certs/server.crt",
      key_file: "certs/server.key",
      ca_file: "certs/ca.crt",
    };
    const said = await flameUp({
      cluster: {
        endpoint: `https://127.0.0.1:${port}`,
        tls,
        security: {
          ...{ clients: "token", token_file: "certs/clients" },
          ...{ nodes: "token", node_token_file: "certs/nodes" },
        },
      },
      cache: { endpoint: `grpcs://127.0.0.1:${port + 2}`, tls },
    });
    expect(settingsIn(said)).toEqual({
      FLAME_ENDPOINT: `https://127.0.0.1:${port}`,
      FLAME_CACHE_ENDPOINT: `grpcs://127.0.0.1:${port + 2}`,
      FLAME_CA_FILE: join(certificates, "ca.crt"),
      FLAME_TOKEN_FILE: join(certificates, "clients"),
    });
    const status = await run(join(bin, "flame"), ["status", "flame-session-manager"]);
    expect(status.stdout).toContain(`https://127.0.0.1:${port}`);
    const { FLAME_TOKEN_FILE: _token, ...withoutToken } = settingsIn(said);
    expect(await run(join(bin, "flmctl"), ["list", "app"], withoutToken)).toMatchObject({
      code: 1,
      // One line, without a warning of the runtime.
      stderr: expect.stringMatching(/^Error: a token is needed here[^\n]*\n$/),
    });
    await expectASum(settingsIn(said));
    await expectDown();
  });
});
