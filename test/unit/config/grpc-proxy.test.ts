import { describe, expect, it } from "@jest/globals";
import { grpcProxy } from "../../../src/config/grpc-proxy.ts";

const http_proxy = "http://proxy.example:3128";

describe("The proxy of a gRPC connection", () => {
  it.each([
    ["localhost"],
    ["LocalHost"],
    ["127.0.0.1"],
    ["127.1.2.3"],
    ["::1"],
    ["0.0.0.0"],
    ["::"],
  ])("is none for %s, which is this machine", (host) => {
    const env = { grpc_proxy: http_proxy, https_proxy: http_proxy, http_proxy };
    expect(grpcProxy(host, env)).toBeUndefined();
  });

  it.each([
    [{ http_proxy }, "http_proxy"],
    [{ http_proxy: "http://other:1", https_proxy: http_proxy }, "https_proxy"],
    [{ https_proxy: "http://other:1", grpc_proxy: http_proxy }, "grpc_proxy"],
    [{ grpc_proxy: "", http_proxy }, "http_proxy"],
  ])("is that of the first variable that is set: %p", (env, variable) => {
    expect(grpcProxy("flame.example", env)).toEqual({ variable, url: http_proxy });
  });

  it("is told without user and password, and with its port", () => {
    expect(grpcProxy("flame.example", { http_proxy: "http://me:secret@proxy" })).toEqual({
      variable: "http_proxy",
      url: "http://proxy:80",
    });
  });

  it.each([
    [{}],
    [{ http_proxy: "" }],
    [{ http_proxy: "no url" }],
    [{ http_proxy: "https://proxy:3128" }],
    [{ http_proxy, no_proxy: "flame.example" }],
    [{ http_proxy, no_proxy: "a.example,.example" }],
    [{ http_proxy, no_proxy: "a.example", no_grpc_proxy: "flame.example" }],
  ])("is none for flame.example in %p", (env) => {
    expect(grpcProxy("flame.example", env)).toBeUndefined();
  });

  it.each([
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "0.0.0.0/0", true],
    ["10.1.2.3", "10.0.0.0/33", false],
    ["10.1.2.3", "10.0.0.0/8/8", false],
    ["flame.example", "10.0.0.0/8", false],
  ])("of %s with no_proxy %s is none: %p", (host, no_proxy, direct) => {
    expect(grpcProxy(host, { http_proxy, no_proxy }) === undefined).toBe(direct);
  });
});
