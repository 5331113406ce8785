import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import Database from "better-sqlite3";
import packageFile from "../../package.json" with { type: "json" };
import { prepareCluster, type TestCluster } from "../support/cluster.ts";
import type { DaemonName } from "../support/daemon.ts";
import { freePorts } from "../support/ports.ts";
import type { Finished } from "../support/python.ts";

const daemons: readonly DaemonName[] = [
  "flame-session-manager",
  "flame-object-cache",
  "flame-executor-manager",
];

let cluster: TestCluster;
let port: number;
let held: Server;
let takenPort: number;

beforeAll(async () => {
  cluster = await prepareCluster();
  port = await freePorts(3);
  held = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => held.once("listening", listening));
  const address = held.address();
  takenPort = typeof address === "object" && address !== null ? address.port : 0;
});

afterAll(async () => {
  held.close();
  await cluster.close();
});

const inHome = (...path: string[]) => join(cluster.home, ...path);

interface Json {
  readonly [key: string]: unknown;
}

/** A configuration that starts, with some keys of its sections changed. */
function configuration({ cluster: session = {}, cache = {}, ...others }: Record<string, Json>) {
  return JSON.stringify({
    cluster: { name: "test", endpoint: `http://127.0.0.1:${port}`, ...session },
    cache: { endpoint: `grpc://127.0.0.1:${port + 2}`, ...cache },
    ...others,
  });
}

async function start(daemon: DaemonName, file: string, ...more: string[]): Promise<Finished> {
  return await cluster.run(daemon, "--config", file, ...more);
}

/** What every refused start looks like: nothing serves, one line says why, and the exit code tells scripts. */
function expectOneLine({ code, stderr }: Finished, ...parts: string[]): void {
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^Error: [^\n]+\n$/) });
  for (const part of parts) expect(stderr).toContain(part);
}

interface Case {
  readonly kind: string;
  readonly daemons: readonly DaemonName[];
  /** The text of flame-cluster.yaml. */
  readonly yaml: (daemon: DaemonName) => string;
  /** What the one line names. */
  readonly names: (daemon: DaemonName) => string[];
}

const [manager, cache, node] = [
  "flame-session-manager",
  "flame-object-cache",
  "flame-executor-manager",
] as const;
const metricsKey = {
  [manager]: "session_manager_port",
  [cache]: "object_cache_port",
  [node]: "executor_manager_port",
};

const cases: readonly Case[] = [
  {
    kind: "YAML that cannot be read",
    daemons,
    yaml: () => "cluster:\n  name: test\n  endpoint: [http://127.0.0.1\n",
    names: () => ["refused.yaml"],
  },
  {
    kind: "a value of the wrong kind",
    daemons,
    yaml: () => configuration({ cluster: { limits: { max_executors: "many" } } }),
    names: () => ["cluster.limits.max_executors", "many", "refused.yaml"],
  },
  {
    kind: "a policy that does not exist",
    daemons,
    yaml: () => configuration({ cluster: { policies: ["priorty"] } }),
    names: () => ["policies", "priorty"],
  },
  {
    kind: "a taken port for metrics",
    daemons,
    yaml: (daemon) => configuration({ metrics: { [metricsKey[daemon]]: takenPort } }),
    names: (daemon) => [String(takenPort), `metrics.${metricsKey[daemon]}`],
  },
  {
    kind: "a taken port of its own",
    daemons: [manager, cache],
    yaml: () =>
      configuration({
        cluster: { endpoint: `http://127.0.0.1:${takenPort}` },
        cache: { endpoint: `grpc://127.0.0.1:${takenPort}` },
      }),
    names: (daemon) => [
      String(takenPort),
      daemon === cache ? "cache.endpoint" : "cluster.endpoint",
    ],
  },
  {
    kind: "a certificate that is not there",
    daemons: [manager, cache],
    yaml: () => {
      const tls = { cert_file: "/nowhere/cert.pem", key_file: "/nowhere/key.pem" };
      return configuration({
        cluster: { endpoint: `https://127.0.0.1:${port}`, tls },
        cache: { endpoint: `grpcs://127.0.0.1:${port + 2}`, tls },
      });
    },
    names: () => ["tls.cert_file", "/nowhere/cert.pem"],
  },
  {
    kind: "a CA file that is not there",
    daemons: [node],
    yaml: () => {
      const tls = {
        cert_file: "/nowhere/cert.pem",
        key_file: "/nowhere/key.pem",
        ca_file: "/nowhere/ca.pem",
      };
      return configuration({ cluster: { endpoint: `https://127.0.0.1:${port}`, tls } });
    },
    names: () => ["CA file", "/nowhere/ca.pem"],
  },
  {
    kind: "a storage below a file",
    daemons: [manager, cache],
    yaml: () =>
      configuration({
        cluster: { storage: `sqlite://${inHome("file")}/flame.db` },
        cache: { storage: `fs://${inHome("file")}/objects` },
      }),
    names: (daemon) => [inHome("file"), daemon === cache ? "cache.storage" : "cluster.storage"],
  },
  {
    kind: "a database of a newer version",
    daemons: [manager],
    yaml: () => configuration({ cluster: { storage: `sqlite://${inHome("newer.db")}` } }),
    names: () => ["newer.db", "9999", "newer Flame"],
  },
  {
    kind: "a damaged database",
    daemons: [manager],
    yaml: () => configuration({ cluster: { storage: `sqlite://${inHome("damaged.db")}` } }),
    names: () => ["damaged.db", "is damaged"],
  },
];

describe("a start is refused with exit code 1 and one line", () => {
  beforeAll(() => {
    writeFileSync(inHome("file"), "a file, where a folder is wanted");
    const newer = new Database(inHome("newer.db"));
    newer.exec(
      "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;" +
        "INSERT INTO schema_migrations VALUES (9999, 'of_tomorrow', 0)",
    );
    newer.close();
    writeFileSync(inHome("damaged.db"), Buffer.alloc(8192, "no database"));
  });

  const rows = cases.flatMap((one) => one.daemons.map((daemon) => ({ daemon, ...one })));

  it.each(rows)("$daemon: $kind", async ({ daemon, yaml, names }) => {
    const file = inHome("refused.yaml");
    writeFileSync(file, yaml(daemon));
    const finished = await start(daemon, file);
    expectOneLine(finished, ...names(daemon));
  });

  it.each(daemons)("%s: a configuration that is not there", async (daemon) => {
    expectOneLine(await start(daemon, inHome("nowhere.yaml")), inHome("nowhere.yaml"));
  });

  it.each(daemons)("%s: a configuration that is a folder", async (daemon) => {
    mkdirSync(inHome("folder.yaml"), { recursive: true });
    expectOneLine(await start(daemon, inHome("folder.yaml")), inHome("folder.yaml"));
  });

  it.each(daemons)("%s: a configuration that cannot be read", async (daemon) => {
    // Not by its mode: root may read everything. A link to itself is refused to root, too.
    const file = inHome(`${daemon}.yaml`);
    symlinkSync(file, file);
    expectOneLine(await start(daemon, file), file, "ELOOP");
  });
});

describe("a daemon's arguments", () => {
  it.each(daemons)("%s --help says how it is called, with exit code 0", async (daemon) => {
    const { code, stdout, stderr } = await cluster.run(daemon, "--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const part of [`usage: ${daemon} [--config FILE]`, "--version", "flame-cluster.yaml"]) {
      expect(stdout).toContain(part);
    }
  });

  it.each(daemons)("%s --version is the release, with exit code 0", async (daemon) => {
    const { code, stdout } = await cluster.run(daemon, "--version");
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${daemon} ${packageFile.version}\n` });
  });

  it.each(daemons)(
    "%s refuses an unknown option and a stray word with its usage",
    async (daemon) => {
      for (const argument of ["--confg", "conf.yaml"]) {
        const { code, stderr } = await cluster.run(daemon, argument);
        expect(code).toBe(2);
        expect(stderr).toMatch(new RegExp(`^error: .*${argument}.*\\nusage: ${daemon} .*\\n$`));
      }
    },
  );
});

describe("an unknown key of the configuration", () => {
  it.each(daemons)("keeps %s from starting and names the key that was meant", async (daemon) => {
    const file = inHome("conf/mistyped.yaml");
    writeFileSync(file, configuration({ cache: { max_dsk: "1G" } }));
    const parts = [`${file}:1:`, "cache.max_dsk: got the unknown key", "did you mean", "max_disk"];
    expectOneLine(await start(daemon, file), ...parts);
  });
});

describe("flame up", () => {
  it("ends with the reason of the daemon that was refused", async () => {
    const file = inHome("conf/flame-cluster.yaml");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, configuration({ cluster: { policies: ["priorty"] } }));
    const { code, stdout, stderr } = await cluster.run("flame", "up");
    expect(code).toBe(1);
    expect(stdout + stderr).toContain("priorty");
    writeFileSync(file, before);
  });
});
