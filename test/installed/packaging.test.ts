import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { loadClusterConfig } from "../../src/config/load-cluster-config.ts";
import { preparedHome } from "../support/python.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const image = "/usr/local/flame";
const daemons = ["session-manager", "object-cache", "executor-manager"];

/** Where a path of an image or a unit lies in the installation of this run. */
const here = (path: string): string => path.replace(image, preparedHome);

const isProgram = (path: string): boolean => {
  accessSync(path, constants.X_OK);
  return statSync(path).isFile();
};

/** The values of a key of a unit, in order. */
function valuesOf(unit: string, key: string): string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value]) => value ?? "");
}

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

describe("the systemd units of an installation", () => {
  const folder = join(preparedHome, "share/systemd");
  const unitOf = (daemon: string): string =>
    readFileSync(join(folder, `flame-${daemon}.service`), "utf8");

  test("are one for each daemon, and nothing in them is of another installation", () => {
    expect(readdirSync(folder).sort()).toEqual(daemons.map((it) => `flame-${it}.service`).sort());
    for (const daemon of daemons) expect(unitOf(daemon)).not.toContain(image);
  });

  test.each(daemons)("of the %s names programs and folders that are there", (daemon) => {
    const unit = unitOf(daemon);
    expect(valuesOf(unit, "ExecStart")).toEqual([`${preparedHome}/bin/flame-${daemon}`]);
    expect(isProgram(valuesOf(unit, "ExecStart")[0] ?? "")).toBe(true);
    expect(valuesOf(unit, "Environment")).toEqual([`FLAME_HOME=${preparedHome}`]);
    const [documentation = ""] = valuesOf(unit, "Documentation");
    expect(existsSync(documentation.replace("file:", ""))).toBe(true);
    const writable = valuesOf(unit, "ReadWritePaths").flatMap((paths) => paths.split(" "));
    expect(writable).toEqual(
      expect.arrayContaining(["data", "logs", "run"].map((it) => join(preparedHome, it))),
    );
    for (const path of [...writable, ...valuesOf(unit, "WorkingDirectory")]) {
      expect({ path, there: existsSync(path) }).toEqual({ path, there: true });
    }
    for (const after of valuesOf(unit, "After")
      .join(" ")
      .match(/flame-\S+/g) ?? []) {
      expect(readdirSync(folder)).toContain(after);
    }
  });

  test("give running tasks the time that the configuration promises before they are killed", () => {
    const { drainMs } = loadClusterConfig({
      env: { FLAME_HOME: "/nowhere", HOME: "/nowhere" },
    }).executors;
    const unit = unitOf("executor-manager");
    expect(valuesOf(unit, "KillMode")).toEqual(["mixed"]);
    expect(Number(valuesOf(unit, "TimeoutStopSec")[0]) * 1_000).toBeGreaterThan(drainMs);
  });

  test("are what systemd takes", () => {
    if (!onPath("systemd-analyze")) {
      process.stderr.write("systemd-analyze is not on this machine: its check is left out\n");
      return;
    }
    const files = readdirSync(folder).map((name) => join(folder, name));
    // Complaints about units of the machine are not ours.
    const said = execFileSync(
      "sh",
      ["-c", 'systemd-analyze verify "$@" 2>&1 || true', "-", ...files],
      {
        encoding: "utf8",
      },
    );
    expect(said.split("\n").filter((line) => line.includes(preparedHome))).toEqual([]);
  });
});

interface Stage {
  readonly base: string;
  readonly lines: readonly string[];
}

/** The stages of docker/Dockerfile by name, with continued lines joined. */
function stagesOf(dockerfile: string): Map<string, Stage> {
  const joined = dockerfile.replaceAll("\\\n", " ");
  return new Map(
    [...joined.matchAll(/^FROM (\S+) AS (\S+)\n([\s\S]*?)(?=^FROM |(?![\s\S]))/gm)].map(
      ([, base = "", name = "", body = ""]) => [name, { base, lines: body.split("\n") }],
    ),
  );
}

const stages = stagesOf(read("docker/Dockerfile"));

/** What the images are built on when nothing else is named. */
const defaultBase = /^ARG BASE=(\S+)$/m.exec(read("docker/Dockerfile"))?.[1] ?? "";

/** The lines of a stage and of those it stands on. */
function linesOf(name: string): string[] {
  const stage = stages.get(name);
  return stage === undefined ? [] : [...linesOf(stage.base), ...stage.lines];
}

/** The last JSON list after an instruction. */
function commandOf(name: string, instruction: RegExp): string[] {
  const line = linesOf(name).findLast((it) => instruction.test(it)) ?? "";
  return JSON.parse(line.slice(line.indexOf("["))) as string[];
}

const copiedFromBuild = (name: string): string[] =>
  linesOf(name)
    .filter((line) => line.startsWith("COPY --from=build "))
    .flatMap((line) => line.split(/\s+/).slice(2, -1));

describe("docker/Dockerfile", () => {
  test("has a stage for each image, on a base that can be given", () => {
    expect([...stages.keys()]).toEqual([
      ...["build", "runtime", "session-manager", "object-cache"],
      ...["python-runtime", "executor-manager", "console"],
    ]);
    expect(defaultBase).toMatch(/^\S+:\S+$/);
    expect(stages.get("runtime")?.base).toBe("${" + "BASE}");
    // Each image says what that was, by its digest where one was given.
    expect(linesOf("session-manager")).toContain(
      "LABEL org.opencontainers.image.base.name=${" + "BASE}",
    );
    expect(linesOf("build").join()).toContain(`scripts/install.sh --prefix ${image}`);
  });

  test.each([...daemons, "console"])("copies for the %s only what an installation has", (name) => {
    const copied = copiedFromBuild(name).filter((path) => path.startsWith(image));
    expect(copied).toContain(`${image}/lib/flame`);
    for (const path of copied)
      expect({ path, there: existsSync(here(path)) }).toEqual({ path, there: true });
    const sources = copiedFromBuild(name).filter((path) => !path.startsWith(image));
    for (const path of sources) {
      expect(existsSync(join(root, path.replace("/usr/local/src/flame/", "")))).toBe(true);
    }
  });

  test.each(daemons)("starts the %s as a user of its own and asks it how it is", (name) => {
    const program = `flame-${name}`;
    expect(commandOf(name, /^CMD /)).toEqual([program]);
    expect(copiedFromBuild(name)).toContain(`${image}/bin/${program}`);
    expect(isProgram(join(preparedHome, "bin", program))).toBe(true);
    expect(commandOf(name, /^HEALTHCHECK /)).toEqual(["flame", "status", program]);
    expect(linesOf(name)).toContain("USER flame");
    expect(linesOf(name)).toContain(`ENV FLAME_HOME=${image}`);
  });

  test.each(["executor-manager", "console"])(
    "has flmrun in the %s where the application expects it",
    (name) => {
      const flmrun = parse(read("defaults/flmrun.yaml")) as {
        spec: { working_directory: string; command: string };
      };
      const expected = [flmrun.spec.working_directory, flmrun.spec.command].map((path) =>
        path.replace("${" + "FLAME_HOME}", image),
      );
      expect(expected).toEqual([`${image}/work/flmrun`, `${image}/bin/uv`]);
      expect(copiedFromBuild(name)).toEqual(expect.arrayContaining(expected));
    },
  );
});

interface ComposeService {
  readonly image: string;
  readonly build: { context: string; dockerfile: string; target: string };
  readonly volumes?: string[];
  readonly ports?: string[];
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, { condition: string }>;
  readonly stop_grace_period?: string;
}

describe("compose.yaml", () => {
  const compose = parse(read("compose.yaml"), { merge: true }) as {
    services: Record<string, ComposeService>;
    volumes: Record<string, unknown>;
  };
  const services = Object.entries(compose.services);
  const config = loadClusterConfig({
    path: join(root, "docker/flame-cluster.yaml"),
    env: { FLAME_HOME: image },
  });

  test("has a service for each image, built by a stage that there is", () => {
    expect(Object.keys(compose.services)).toEqual([...daemons, "console"]);
    for (const [name, { image: tag, build }] of services) {
      expect({ name, tag, build }).toEqual({
        name,
        tag: `flame-${name}`,
        build: {
          context: ".",
          dockerfile: "docker/Dockerfile",
          args: { BASE: "$" + `{FLAME_BASE:-${defaultBase}}` },
          target: name,
        },
      });
      expect(stages.has(build.target)).toBe(true);
    }
  });

  test("mounts files that are there on places that an installation has", () => {
    const isThere = (volume: string): boolean => {
      const parts = volume.split(":");
      const [source = ""] = parts;
      const target = parts.length === 1 ? volume : (parts[1] ?? "");
      const folder = target.replace(/\/flame-cluster\.yaml$/, "");
      const hasSource =
        parts.length === 1 ||
        (source.startsWith("./") ? existsSync(join(root, source)) : source in compose.volumes);
      return hasSource && existsSync(here(folder));
    };
    const volumes = services.flatMap(([, service]) => service.volumes ?? []);
    expect(volumes.length).toBeGreaterThan(0);
    expect(volumes.filter((volume) => !isThere(volume))).toEqual([]);
  });

  test("and its configuration agree on names and ports; nothing is published beyond this machine", () => {
    expect(config.warnings).toEqual([]);
    const { endpoint } = config.cluster;
    const cache = config.cache.endpoint;
    expect(Object.keys(compose.services)).toEqual(
      expect.arrayContaining([endpoint.host, cache.host]),
    );
    expect(compose.services["session-manager"]?.ports).toEqual([
      `127.0.0.1:${endpoint.port}:${endpoint.port}`,
    ]);
    expect(compose.services["object-cache"]?.ports).toEqual([
      `127.0.0.1:${cache.port}:${cache.port}`,
    ]);
    expect(compose.services["console"]?.environment).toEqual({
      FLAME_ENDPOINT: endpoint.url,
      FLAME_CACHE_ENDPOINT: cache.url,
    });
  });

  test("waits for services that have a health check, and gives running tasks their time", () => {
    for (const awaited of services.flatMap(([, it]) => Object.entries(it.depends_on ?? {}))) {
      const [name, { condition }] = awaited;
      expect(condition).toBe("service_healthy");
      expect(commandOf(name, /^HEALTHCHECK /)).toContain(`flame-${name}`);
    }
    const grace = compose.services["executor-manager"]?.stop_grace_period ?? "";
    expect(grace).toMatch(/^\d+s$/);
    expect(Number.parseInt(grace, 10) * 1_000).toBeGreaterThan(config.executors.drainMs);
  });
});
