import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type FlameContext } from "../../../src/cli/flame/context.ts";
import { type LocalCluster, startLocalCluster } from "../../../src/cli/flame/local-cluster.ts";
import { flame } from "../../../src/cli/flame/program.ts";
import { type Clock, systemClock } from "../../../src/kit/clock.ts";
import { isSameProcessAlive } from "../../../src/process/process-facts.ts";
import { freePorts } from "../../support/ports.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

const daemons = ["flame-object-cache", "flame-session-manager", "flame-executor-manager"];
const fixture = join(import.meta.dirname, "../../fixtures/stand-in-daemon.mjs");

let folder: ReturnType<typeof temporaryFolder>;
let home: string;
let port: number;
let events: string[];
let running: LocalCluster[];

beforeEach(async () => {
  folder = temporaryFolder("flame-up");
  home = folder.path;
  port = await freePorts(3);
  events = [];
  running = [];
  for (const name of ["bin", "conf", "behaviour", "run"]) mkdirSync(join(home, name));
  writeFileSync(
    join(home, "conf/flame-cluster.yaml"),
    `cluster: { name: test, endpoint: "http://127.0.0.1:${port}" }\ncache: { endpoint: "grpc://127.0.0.1:${port + 2}" }\n`,
  );
  for (const name of daemons) {
    const launcher = join(home, "bin", name);
    writeFileSync(launcher, `#!/bin/sh\nexec "${process.execPath}" "${fixture}" ${name} "$@"\n`);
    chmodSync(launcher, 0o755);
  }
});

afterEach(async () => {
  for (const cluster of running) await cluster.close();
  folder.remove();
});

const behave = (name: string, wish: string): void =>
  writeFileSync(join(home, "behaviour", name), wish);
const notes = (): string[] => readFileSync(join(home, "notes"), "utf8").trim().split("\n");
const record = (name: string): { pid: number; startTime: number; endpoint: string } =>
  JSON.parse(readFileSync(join(home, "run", `${name}.json`), "utf8")) as never;
const alive = (name: string): boolean => {
  const { pid, startTime } = record(name);
  return isSameProcessAlive(pid, startTime);
};

/** For which the seconds between two notices of a wait are over after a tenth of one. */
const hastyClock: Clock = {
  ...systemClock,
  after: (delayMs, action) =>
    systemClock.after([3_000, 10_000].includes(delayMs) ? 100 : delayMs, action),
};

async function up(
  signal?: AbortSignal,
  configFile?: string,
  clock = systemClock,
): Promise<LocalCluster> {
  const cluster = await startLocalCluster({
    home,
    env: { PATH: process.env["PATH"] },
    programsFolder: join(home, "nowhere"),
    clock,
    onEvent: (text) => events.push(text),
    ...(signal === undefined ? {} : { signal }),
    ...(configFile === undefined ? {} : { configFile }),
  });
  running.push(cluster);
  return cluster;
}

describe("startLocalCluster", () => {
  it("starts all daemons, the nodes' side last, and says where they serve", async () => {
    const cluster = await up();
    expect(cluster.endpoints).toEqual({
      "flame-object-cache": "test://flame-object-cache",
      "flame-session-manager": "test://flame-session-manager",
      "flame-executor-manager": "test://flame-executor-manager",
    });
    expect(notes()).toHaveLength(3);
    expect(notes().at(-1)).toBe("start flame-executor-manager");
    expect(record("flame")).toMatchObject({ endpoint: `http://127.0.0.1:${port}` });
  });

  it("looks for a relative configuration file in the working directory, for the daemons too", async () => {
    // Inside the working directory: a path with enough .. in it means the same from everywhere.
    mkdirSync(".flame", { recursive: true });
    const elsewhere = mkdtempSync(join(process.cwd(), ".flame", "up-config-"));
    try {
      const file = join(elsewhere, "own.yaml");
      copyFileSync(join(home, "conf/flame-cluster.yaml"), file);
      const configFile = relative(process.cwd(), file);
      // Were it looked for in the home, where the daemons run, it would be another file.
      expect(existsSync(join(home, configFile))).toBe(false);
      const cluster = await up(undefined, configFile);
      expect(cluster.endpoint).toBe(`http://127.0.0.1:${port}`);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  it("stops them in the opposite order and leaves nothing behind", async () => {
    const cluster = await up();
    const pids = daemons.map(record);
    await cluster.close();
    await cluster.close();
    expect(notes()[3]).toBe("stop flame-executor-manager");
    expect(notes()).toHaveLength(6);
    for (const { pid, startTime } of pids) expect(isSameProcessAlive(pid, startTime)).toBe(false);
    expect(existsSync(join(home, "run/flame.json"))).toBe(false);
  });

  it("starts a daemon again when it dies, and says so", async () => {
    behave("flame-session-manager", "die-once");
    await up();
    await waitFor("the second start", () => events.some((text) => text.includes("serves again")));
    expect(events.join("\n")).toContain("flame-session-manager ended with exit code 7");
    expect(alive("flame-session-manager")).toBe(true);
  });

  it("starts it again after kill -9 too", async () => {
    await up();
    const first = record("flame-object-cache").pid;
    process.kill(first, "SIGKILL");
    await waitFor(
      "another process",
      () => record("flame-object-cache").pid !== first && alive("flame-object-cache"),
    );
    expect(events.join("\n")).toContain("flame-object-cache ended with signal SIGKILL");
  });

  it("quotes a daemon that ends at start, names its log, and stops the others", async () => {
    behave("flame-session-manager", "fail");
    await expect(up()).rejects.toMatchObject({
      code: "invalid_config",
      message:
        "flame-session-manager ended with exit code 1 before it served, " +
        "saying: cluster.policies: got drf expected fair " +
        `(log: ${join(home, "logs/flame-session-manager.log")})`,
    });
    expect(notes().filter((note) => note.startsWith("stop"))).toEqual(["stop flame-object-cache"]);
    expect(existsSync(join(home, "run/flame.json"))).toBe(false);
  });

  it("refuses a second start in the same home by naming the first", async () => {
    await up();
    await expect(up()).rejects.toMatchObject({
      code: "already_exists",
      message: expect.stringContaining(`flame already runs in "${home}": process ${process.pid}`),
    });
    expect(notes()).toHaveLength(3);
  });

  it("refuses a taken port before it starts anything, naming it and what to change", async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port + 1, "127.0.0.1", resolve));
    try {
      await expect(up()).rejects.toMatchObject({
        code: "invalid_config",
        message: expect.stringContaining(
          `127.0.0.1:${port + 1} (session manager's nodes, cluster.endpoint) is taken by another program`,
        ),
      });
    } finally {
      squatter.close();
    }
    expect(existsSync(join(home, "notes"))).toBe(false);
  });

  it("names the program that is missing", async () => {
    chmodSync(join(home, "bin/flame-object-cache"), 0o644);
    await expect(up()).rejects.toThrow(join(home, "bin/flame-object-cache"));
  });

  it("ends a start that hangs when it is told to", async () => {
    behave("flame-session-manager", "slow");
    const stopping = new AbortController();
    const starting = up(stopping.signal);
    await waitFor("the start", () => existsSync(join(home, "notes")) && notes().length === 2);
    stopping.abort();
    await expect(starting).rejects.toMatchObject({ code: "aborted" });
    expect(notes().filter((note) => note.startsWith("stop"))).toHaveLength(2);
  });

  it("says which daemon a start waits for, and what that one logged last", async () => {
    behave("flame-session-manager", "slow");
    const stopping = new AbortController();
    const starting = up(stopping.signal, undefined, hastyClock);
    const log = join(home, "logs/flame-session-manager.log");
    const text = `waiting for flame-session-manager to serve; it said last: reading an old database (log: ${log})`;
    await waitFor("the notice", () => events.includes(text));
    stopping.abort();
    await expect(starting).rejects.toMatchObject({ code: "aborted" });
  });

  it("says which daemon a stop waits for, and what that one logged last", async () => {
    behave("flame-executor-manager", "linger");
    const cluster = await up(undefined, undefined, hastyClock);
    const closing = cluster.close();
    const log = join(home, "logs/flame-executor-manager.log");
    const text = `waiting for flame-executor-manager to end; it said last: one task still runs (log: ${log})`;
    await waitFor("the notice", () => events.includes(text));
    rmSync(join(home, "behaviour/flame-executor-manager"));
    await closing;
    expect(notes()).toContain("stop flame-executor-manager");
  });
});

describe("flame up, status and down", () => {
  function context(
    interrupted: Promise<void>,
  ): FlameContext & { out: () => string; err: () => string } {
    let out = "";
    let err = "";
    return {
      out: () => out,
      err: () => err,
      terminal: {
        out: (text) => {
          out += text;
        },
        err: (text) => {
          err += text;
        },
        interactive: false,
      },
      env: { FLAME_HOME: home, PATH: process.env["PATH"] },
      clock: systemClock,
      programsFolder: home,
      interrupted: () => interrupted,
      signal: () => undefined,
      data: {
        copyDatabase: () => Promise.reject(new Error("not asked")),
        prepareDatabase: () => Promise.reject(new Error("not asked")),
        lockObjects: () => ({ release: () => undefined }),
        objectLockFiles: [],
      },
    };
  }

  it("is up until it is interrupted, shows what serves, and comes down when asked", async () => {
    let interrupt: () => void = () => undefined;
    const interrupted = new Promise<void>((resolve) => {
      interrupt = resolve;
    });
    const upContext = context(interrupted);
    const up = flame(["up"], upContext);
    await waitFor("being up", () => upContext.out() !== "");
    expect(upContext.out()).toBe(
      `Flame is up at http://127.0.0.1:${port} in ${home} until Ctrl-C.\n` +
        `Clients need: export FLAME_ENDPOINT=http://127.0.0.1:${port} FLAME_CACHE_ENDPOINT=grpc://127.0.0.1:${port + 2}\n`,
    );

    const status = context(interrupted);
    expect(await flame(["status"], status)).toBe(0);
    const two = context(interrupted);
    expect(await flame(["status", "flame-session-manager", "flame"], two)).toBe(0);
    expect(two.out().trimEnd().split("\n")).toHaveLength(3);
    expect(status.out()).toMatch(
      /^NAME +STATE +PID +ENDPOINT +VERSION\nflame-object-cache +serving /,
    );

    const down = context(interrupted);
    const signals: unknown[] = [];
    const signal = (...sent: unknown[]): void => {
      signals.push(sent);
      interrupt();
    };
    expect(await flame(["down"], { ...down, signal })).toBe(0);
    expect(signals).toEqual([[process.pid, "SIGTERM"]]);
    expect(down.out()).toBe(`Flame in ${home} is down.\n`);
    expect(await up).toBe(0);
  });

  it("says what does not serve, with exit code 1", async () => {
    const status = context(Promise.resolve());
    expect(await flame(["status", "--json"], status)).toBe(1);
    expect(JSON.parse(status.out())).toContainEqual({ name: "flame", state: "stopped" });
    expect(status.err()).toMatch(/^Error: flame-object-cache, .* not serving in /);
    const one = context(Promise.resolve());
    expect(await flame(["status", "flame-object-cache"], one)).toBe(1);
    expect(one.out().trimEnd().split("\n")).toHaveLength(2);
    expect(one.err()).toBe(`Error: flame-object-cache not serving in "${home}"\n`);
    const unknown = context(Promise.resolve());
    expect(await flame(["status", "flame-cache"], unknown)).not.toBe(0);
    expect(unknown.err()).toContain('got "flame-cache", expected one of flame-object-cache, ');
    const down = context(Promise.resolve());
    expect(await flame(["down"], down)).toBe(1);
    expect(down.err()).toBe(`Error: flame up does not run in "${home}"\n`);
  });
});
