import { describe, expect, it } from "@jest/globals";
import { parsePackageUrl } from "../../../src/manifest/package-url.ts";

const HEX = "0123456789abcdef".repeat(4);

describe("a package url", () => {
  it.each([
    ["file:///opt/example", "file", "", "/opt/example", undefined],
    ["file:///opt/a%20b%C3%A9.whl", "file", "", "/opt/a%20b%C3%A9.whl", undefined],
    ["file://localhost/opt/a b.whl", "file", "", "/opt/a b.whl", undefined],
    [`file:///opt/x.whl#sha256=${HEX.toUpperCase()}`, "file", "", "/opt/x.whl", HEX],
    [
      "grpc://127.0.0.1:9090/app/pkg/app.tar.gz",
      "grpc",
      "127.0.0.1:9090",
      "/app/pkg/app.tar.gz",
      undefined,
    ],
    [`grpcs://cache/app/pkg/a.tgz#sha256=${HEX}`, "grpcs", "cache", "/app/pkg/a.tgz", HEX],
    ["grpc://[::1]:9090/a/b/c", "grpc", "[::1]:9090", "/a/b/c", undefined],
  ])("%s is read", (text, scheme, authority, path, sha256) => {
    expect(parsePackageUrl(text)).toEqual({ scheme, authority, path, sha256 });
  });

  it.each([
    ["", "url-form"],
    ["opt/x", "url-form"],
    ["file:/opt/x", "url-form"],
    [" file:///opt/x", "url-form"],
    ["FILE:///opt/x", "url-scheme"],
    ["http://h/x", "url-scheme"],
    ["s3://bucket/x", "url-scheme"],
    ["file://host/x", "url-host"],
    ["file://LOCALHOST/x", "url-host"],
    ["file://${FLAME_HOME}/x", "url-host"],
    ["file://", "url-path"],
    ["file:///", "url-path"],
    ["file:////", "url-path"],
    ["file:///a\nb", "url-path"],
    ["file:///a?b", "url-path"],
    ["file:///a%2Fb", "url-path"],
    ["file:///a%zz", "url-path"],
    ["grpc:///x", "url-host"],
    ["grpc://h:port/x", "url-host"],
    ["grpc://user@h/x", "url-host"],
    ["grpc://h:1", "url-path"],
    ["grpc://h:1/", "url-path"],
    ["file:///x#", "url-pin"],
    ["file:///x#sha256=", "url-pin"],
    [`file:///x#sha256=${HEX}0`, "url-pin"],
    [`file:///x#md5=${HEX}`, "url-pin"],
  ])("%j is refused by the rule %s", (text, rule) => {
    expect(parsePackageUrl(text)).toMatchObject({ rule });
  });

  it("of http is read only where the cluster allows it", () => {
    expect(parsePackageUrl("https://h:8443/x.whl", ["https"])).toMatchObject({
      scheme: "https",
      authority: "h:8443",
    });
    expect(parsePackageUrl("http://h/x.whl", ["https"])).toMatchObject({
      rule: "url-scheme",
      expected: expect.stringContaining("grpcs:// (https:// only where packages.allowed_schemes"),
    });
  });
});
