import { describe, expect, test } from "@jest/globals";
import {
  expandCommandLine,
  noPackageVariables,
  type ServiceEnvironmentParts,
  serviceEnvironment,
} from "../../../src/executor-manager/service-environment.ts";

const parts: ServiceEnvironmentParts = {
  inherited: { PATH: "/bin", HOME: "/root", LD_LIBRARY_PATH: "/cuda" },
  application: {},
  packageVariables: noPackageVariables,
  flameHome: "/flame",
  logLevel: "info",
  socketPath: "/flame/run/sockets/e.sock",
  tasksPath: "/flame/run/sockets/e.task",
  clusterEndpoint: "http://sm:8080",
  temporary: "/tmp/e",
};

describe("the environment of a service", () => {
  test("holds the inherited part and the map of the contract", () => {
    expect(serviceEnvironment(parts)).toEqual({
      PYTHONUNBUFFERED: "1",
      GRPC_ENABLE_FORK_SUPPORT: "0",
      PATH: "/bin",
      HOME: "/root",
      LD_LIBRARY_PATH: "/cuda",
      RUST_LOG: "info",
      FLAME_LOG: "info",
      FLAME_INSTANCE_ENDPOINT: "/flame/run/sockets/e.sock",
      FLAME_TASKS_ENDPOINT: "/flame/run/sockets/e.task",
      FLAME_ENDPOINT: "http://sm:8080",
      FLAME_HOME: "/flame",
      TMPDIR: "/tmp/e",
      TEMP: "/tmp/e",
      TMP: "/tmp/e",
    });
  });

  test("lets the node and the application choose what is only usual", () => {
    const inherited = { ...parts.inherited, PYTHONUNBUFFERED: "" };
    const application = { GRPC_ENABLE_FORK_SUPPORT: "1" };
    expect(serviceEnvironment({ ...parts, inherited, application })).toMatchObject({
      PYTHONUNBUFFERED: "",
      GRPC_ENABLE_FORK_SUPPORT: "1",
    });
  });

  test("holds every variable of the application, whatever its name", () => {
    const application = Object.fromEntries(
      ["__proto__", "constructor", "toString", "BAD NAME", "1"].map((name) => [name, `of ${name}`]),
    );
    const environment = serviceEnvironment({ ...parts, application });
    expect(Object.entries(environment)).toEqual(
      expect.arrayContaining(Object.entries(application)),
    );
  });

  test("takes nothing for a variable but variables", () => {
    const application = { A: "${constructor} ${__proto__:-unset}" };
    const environment = serviceEnvironment({ ...parts, application });
    expect(environment["A"]).toBe("${constructor} ${__proto__:-unset}");
    expect(expandCommandLine("$constructor", ["${toString:-unset}"], environment)).toEqual({
      command: "$constructor",
      args: ["unset"],
    });
  });

  test("names CA file and cache only when they are configured", () => {
    const environment = serviceEnvironment({
      ...parts,
      caFile: "/ca",
      cacheEndpoint: "grpc://c:9090",
    });
    expect(environment).toMatchObject({
      FLAME_CA_FILE: "/ca",
      FLAME_CACHE_ENDPOINT: "grpc://c:9090",
    });
  });

  test("lets the application win where it may, and not where the node decides", () => {
    const application = {
      HOME: "/app",
      TMP: "/mine",
      FLAME_LOG: "trace",
      FLAME_ENDPOINT: "http://evil",
      FLAME_INSTANCE_ENDPOINT: "/evil",
      FLAME_TASKS_ENDPOINT: "/evil",
      FLAME_HOME: "/evil",
    };
    expect(serviceEnvironment({ ...parts, application })).toMatchObject({
      HOME: "/app",
      TMP: "/mine",
      TEMP: "/tmp/e",
      FLAME_LOG: "info",
      FLAME_ENDPOINT: "http://sm:8080",
      FLAME_INSTANCE_ENDPOINT: "/flame/run/sockets/e.sock",
      FLAME_TASKS_ENDPOINT: "/flame/run/sockets/e.task",
      FLAME_HOME: "/flame",
    });
  });

  test("puts the package's search paths before the application's and the node's, each folder once", () => {
    const packageVariables = {
      paths: {
        PATH: ["/venv/bin", "/deps/bin"],
        PYTHONPATH: ["/deps"],
        LD_LIBRARY_PATH: ["/deps/x"],
        EMPTY: [],
      },
      values: { VIRTUAL_ENV: "/venv", HOME: "/other" },
    };
    const application = { PATH: "/app/bin:/bin", PYTHONPATH: "/app/py", VIRTUAL_ENV: "/mine" };
    const environment = serviceEnvironment({ ...parts, application, packageVariables });
    expect(environment).toMatchObject({
      PATH: "/venv/bin:/deps/bin:/app/bin:/bin",
      PYTHONPATH: "/deps:/app/py",
      LD_LIBRARY_PATH: "/deps/x:/cuda",
      VIRTUAL_ENV: "/mine",
      HOME: "/other",
    });
    expect(environment).not.toHaveProperty("EMPTY");
  });

  test("fills in a command line, unknown variables staying as written", () => {
    expect(
      expandCommandLine(
        "${FLAME_HOME}/bin/uv",
        ["run", "$X", "${HOME}"],
        serviceEnvironment(parts),
      ),
    ).toEqual({
      command: "/flame/bin/uv",
      args: ["run", "$X", "/root"],
    });
  });
});
