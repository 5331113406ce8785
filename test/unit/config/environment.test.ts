import { describe, expect, it } from "@jest/globals";
import { endpointOf, isLoopback, parseEndpoint } from "../../../src/config/endpoint.ts";
import { envValue, readEnv } from "../../../src/config/env.ts";
import { flameHome, userFlameFolder } from "../../../src/config/flame-home.ts";
import { logFilter, logLevel } from "../../../src/config/logging.ts";

describe("the environment", () => {
  it("is a frozen copy in which empty values count as unset", () => {
    expect(Object.isFrozen(readEnv())).toBe(true);
    expect(envValue({ A: "" }, "A")).toBeUndefined();
    expect(envValue({ A: "1" }, "A")).toBe("1");
  });

  it("names every folder of FLAME_HOME, /usr/local/flame when it is unset", () => {
    expect(flameHome({}).objects).toBe("/usr/local/flame/data/objects");
    expect(flameHome({ FLAME_HOME: "/f" })).toMatchObject({
      root: "/f",
      flmrun: "/f/work/flmrun",
      pythonSdk: "/f/sdk/python",
      clusterConfig: "/f/conf/flame-cluster.yaml",
    });
    expect(userFlameFolder({ HOME: "/u" })).toBe("/u/.flame");
  });
});

describe("log levels", () => {
  it.each([
    [{}, "info"],
    [{ FLAME_LOG: "debug" }, "debug"],
    [{ RUST_LOG: "WARN" }, "warn"],
    [{ FLAME_LOG: "error", RUST_LOG: "debug" }, "error"],
    [{ RUST_LOG: "hyper=trace,debug" }, "debug"],
    [{ RUST_LOG: "flame=debug" }, "debug"],
    [{ FLAME_LOG: "off" }, "silent"],
    [{ FLAME_LOG: "loud" }, "info"],
  ])("%j asks for %s", (env, level) => {
    expect(logLevel(env)).toBe(level);
  });

  it("of services are those of the daemon that starts them", () => {
    expect(logFilter({ FLAME_LOG: "error", RUST_LOG: "debug" })).toBe("error");
    expect(logFilter({ RUST_LOG: "hyper=trace,debug" })).toBe("hyper=trace,debug");
    expect(logFilter({})).toBe("info");
  });
});

describe("endpoints", () => {
  it("parses names, IPv4 and IPv6 and gives the canonical text back", () => {
    expect(parseEndpoint("HTTPS://Host:443/", ["https"], 1).url).toBe("https://Host:443");
    expect(parseEndpoint("grpc://[fe80::1]:9", ["grpc"], 1)).toMatchObject({
      host: "fe80::1",
      port: 9,
    });
    expect(endpointOf("grpc", "::1", 5).url).toBe("grpc://[::1]:5");
  });

  it.each([
    "",
    "http://",
    "http://h:x",
    "http://h:70000",
    "http://u@h:1",
    "http://h/path",
    "http://h?q",
    "h:1",
  ])("refuses %j", (text) => {
    expect(() => parseEndpoint(text, ["http"], 8080)).toThrow("expected http://HOST:PORT");
  });

  it("knows what only this machine can reach", () => {
    expect(["localhost", "127.0.0.1", "127.9.9.9", "::1"].every(isLoopback)).toBe(true);
    expect(
      ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.evil.example"].some(isLoopback),
    ).toBe(false);
  });
});
