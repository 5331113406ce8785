import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ensurePeers } from "../../../bench/house/peer-packages.mjs";
import { PeerServer } from "../../../bench/house/peer-server.ts";
import { UncountedCpu } from "../../../bench/house/uncounted-cpu.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

const deadlineMs = 60_000;

/**
 * A stand-in for a peer: its daemon, which has left its parent and ignores TERM, says its id in a file and begins another one.
 * `measure` answers what the daemon said.
 */
const standIn = `
  const { spawn } = require("node:child_process");
  const { existsSync, readFileSync, writeFileSync } = require("node:fs");
  const [what, folder, sizes] = process.argv.slice(1);
  const file = folder + "/pids";
  if (what === "daemon") {
    process.on("SIGTERM", () => undefined);
    const child = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
    writeFileSync(file, JSON.stringify([process.pid, child.pid]));
    setInterval(() => undefined, 1000);
  } else if (what === "measure") {
    const pids = JSON.parse(readFileSync(file, "utf8"));
    console.log(JSON.stringify({ pids, sizes: JSON.parse(sizes), home: process.env.HOME, tmp: process.env.TMPDIR }));
  } else {
    const args = ["-e", process.env.STAND_IN, "daemon", folder];
    spawn(process.execPath, args, { detached: true, stdio: "ignore" }).unref();
    setInterval(() => { if (existsSync(file)) console.log("ready"); }, 20);
    process.stdin.on("end", () => { console.log("{}"); process.exit(0); }).resume();
  }
`;

interface Told {
  readonly pids: readonly number[];
  readonly sizes: unknown;
  readonly home: string;
  readonly tmp: string;
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("the daemons of a peer", () => {
  let before: string | undefined;

  beforeEach(() => {
    before = process.env["STAND_IN"];
    process.env["STAND_IN"] = standIn;
  });

  afterEach(() => {
    if (before === undefined) delete process.env["STAND_IN"];
    else process.env["STAND_IN"] = before;
  });

  test(
    "serve until they are closed; then none is left, nor what they wrote",
    async () => {
      const server = await PeerServer.start([process.execPath, "-e", standIn]);
      const { pids, sizes, home, tmp } = await server.measure<Told>({ calls: 7 });
      expect(sizes).toEqual({ calls: 7 });
      expect(tmp).toBe(home);
      expect(pids.map(alive)).toEqual([true, true]);
      await server.close();
      await waitFor("the end of both", () => pids.every((pid) => !alive(pid)), { deadlineMs });
      expect(existsSync(home)).toBe(false);
    },
    deadlineMs,
  );

  test(
    "that fail to start are a failure with their words, and leave nothing",
    async () => {
      const folder = temporaryFolder("p");
      const said = join(folder.path, "folder");
      const fails = `require("node:fs").writeFileSync(${JSON.stringify(said)}, process.argv[2]); throw new Error("no luck")`;
      try {
        await expect(PeerServer.start([process.execPath, "-e", fails])).rejects.toThrow("no luck");
        expect(existsSync(readFileSync(said, "utf8"))).toBe(false);
      } finally {
        folder.remove();
      }
    },
    deadlineMs,
  );
});

test(
  "CPU of processes whose parent ignores their end is told once they have ended",
  async () => {
    // As Ray's raylet does: who ignores SIGCHLD has no children to wait for, and what it starts inherits that.
    const { spawn } = await import("node:child_process");
    const work = "const end = Date.now() + 600; while (Date.now() < end);";
    const parent = `const { spawn } = require("node:child_process"); spawn(process.execPath, ["-e", ${JSON.stringify(work)}]);`;
    const python = [
      "import signal, subprocess, sys, time",
      "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
      `subprocess.Popen([${JSON.stringify(process.execPath)}, '-e', ${JSON.stringify(parent)}])`,
      "sys.stdin.read()",
    ].join("\n");
    const child = spawn("python3", ["-c", python], { stdio: ["pipe", "ignore", "inherit"] });
    const uncounted = new UncountedCpu(child.pid ?? 0);
    try {
      await waitFor("its CPU", () => uncounted.ms > 0, { deadlineMs });
      expect(uncounted.ms).toBeGreaterThan(0);
    } finally {
      uncounted.stop();
      child.stdin.end();
    }
  },
  deadlineMs,
);

describe("the environment of --peers", () => {
  /** A uv that notes what it is asked, and makes what an environment has; `refuses` what it has no package for. */
  function standInUv(folder: string, refuses: boolean): string {
    const uv = join(folder, "uv");
    const install = refuses ? "echo 'no version of ray==9.9.9' >&2; exit 1" : "exit 0";
    writeFileSync(
      uv,
      `#!/bin/sh\necho "$@" >> ${folder}/asked\n` +
        `case "$1" in venv) mkdir -p ${folder}/peers/venv/bin; touch ${folder}/peers/venv/bin/python;; *) ${install};; esac\n`,
    );
    chmodSync(uv, 0o755);
    return uv;
  }

  const asked = (folder: string): string[] =>
    readFileSync(join(folder, "asked"), "utf8").trim().split("\n");

  test("is made once, and anew when a version has changed", async () => {
    const { path, remove } = temporaryFolder("peers");
    try {
      const requirements = join(path, "requirements.txt");
      const options = { folder: join(path, "peers"), requirements, python: "python3" };
      const ensure = () => ensurePeers({ ...options, uv: standInUv(path, false) });
      writeFileSync(requirements, "ray==1\n");
      const python = join(path, "peers/venv/bin/python");
      expect(await ensure()).toBe(python);
      expect(asked(path)).toEqual([
        `venv --python python3 ${path}/peers/venv`,
        `pip install --python ${python} --only-binary :all: --require-hashes --requirements ${requirements}`,
      ]);
      await ensure();
      expect(asked(path)).toHaveLength(2);
      writeFileSync(requirements, "ray==2\n");
      await ensure();
      expect(asked(path)).toHaveLength(4);
    } finally {
      remove();
    }
  });

  test("that cannot be made says which package is missing, and what to do", async () => {
    const { path, remove } = temporaryFolder("peers");
    try {
      const requirements = join(path, "requirements.txt");
      writeFileSync(requirements, "ray==9.9.9\n");
      const made = ensurePeers({
        folder: join(path, "peers"),
        requirements,
        python: "python3",
        uv: standInUv(path, true),
      });
      await expect(made).rejects.toThrow(
        /Ray and Dask, and they cannot be had from the Python package index\.\n.*\nno version of ray==9\.9\.9\n.*\nWhat to do: .*leave --peers out\.$/s,
      );
      // It is tried again the next time.
      expect(readdirSync(join(path, "peers"))).not.toContain("stamps");
    } finally {
      remove();
    }
  });
});
