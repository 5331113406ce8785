import { describe, expect, test } from "@jest/globals";
import {
  chooseInstaller,
  formOf,
  readInstaller,
} from "../../../src/executor-manager/packages/package-kind.ts";
import { readPackageUrl } from "../../../src/executor-manager/packages/package-url.ts";

const hex = "0123456789abcdef".repeat(4);

describe("the url of a package", () => {
  test.each([
    ["file:///opt/a.whl", "/opt/a.whl", undefined],
    ["file://localhost/opt/a.whl", "/opt/a.whl", undefined],
    ["FILE:///opt/with%20blank/%C3%A9.zip", "/opt/with blank/é.zip", undefined],
    [`file:///opt/a.whl#sha256=${hex.toUpperCase()}`, "/opt/a.whl", hex],
  ])("%s is read", (url, path, sha256) => {
    expect(readPackageUrl(url)).toEqual({ kind: "file", path, sha256 });
  });

  test.each([
    ["grpc://cache:9090/a/pkg/a.tar.gz", "grpc://cache:9090", "a/pkg/a.tar.gz", undefined],
    ["grpcs://[::1]/a%20b.whl", "grpcs://[::1]", "a b.whl", undefined],
    [`grpc://cache:9090/a/b/c.zip#sha256=${hex}`, "grpc://cache:9090", "a/b/c.zip", hex],
  ])("%s is an object of a cache", (url, endpoint, key, sha256) => {
    const name = key.slice(key.lastIndexOf("/") + 1);
    expect(readPackageUrl(url)).toEqual({ kind: "object", endpoint, key, name, sha256 });
  });

  test("http and https name a file of a web server", () => {
    const url = "https://host/dir/a%20b.whl?x=1";
    const location = { kind: "web", url, name: "a b.whl" };
    expect(readPackageUrl(url)).toEqual({ ...location, sha256: undefined });
    expect(readPackageUrl(`${url}#sha256=${hex}`)).toEqual({ ...location, sha256: hex });
  });

  test.each([
    ["grpc://cache:9090", /expected grpc:\/\/HOST:PORT\/ and the key of an object/],
    ["grpc://cache:9090/a/", /and the key of an object/],
    ["grpc://cache:9090/a/..%2F..", /and the key of an object/],
    ["grpc://cache:9090/a/%zz", /expected one whose "%" begin an escape/],
    ["grpc://cache:9090/a?x", /expected nothing after the path/],
    ["ftp://host/a.whl", /got scheme "ftp", expected file:\/\//],
    ["https://host/dir/", /expected a path that ends with the name of a file/],
    ["/opt/a.whl", /got scheme "", expected file:\/\//],
    ["file://elsewhere/a.whl", /got host "elsewhere", expected none or localhost/],
    ["file:///a.whl#sha256=12", /expected nothing after the path/],
    ["file:///a.whl?x=1", /expected nothing after the path/],
    ["file:///a%2Fb.whl", /must not include encoded/],
  ])("%s is refused", (url, text) => {
    expect(() => readPackageUrl(url)).toThrow(text);
  });
});

describe("the installer of a package", () => {
  test("is named in any case, and an unknown one is refused with the known ones", () => {
    expect([readInstaller("Python"), readInstaller("BINARY"), readInstaller(undefined)]).toEqual([
      "python",
      "binary",
      undefined,
    ]);
    expect(() => readInstaller("pip")).toThrow(
      'installer: got "pip", expected one of python, binary',
    );
  });

  test.each([
    [undefined, "/a.whl", "python"],
    [undefined, "/a.TAR.GZ", "python"],
    [undefined, "/a.tgz", "python"],
    [undefined, "/a.zip", "python"],
    [undefined, "/directory", "python"],
    [undefined, "/flmping-service", undefined],
    ["python", "/a.whl", "python"],
    ["python", "/directory", "python"],
    ["binary", "/a.zip", "binary"],
    ["binary", "/directory", "binary"],
  ] as const)("%s with %s is %s", (named, path, chosen) => {
    expect(chooseInstaller(named, formOf(path, path === "/directory"))).toBe(chosen);
  });

  test.each([
    ["python", "/a.txt"],
    ["binary", "/a.whl"],
    ["binary", "/a"],
  ] as const)("%s refuses %s, naming what it takes", (named, path) => {
    expect(() => chooseInstaller(named, formOf(path, false))).toThrow(
      /unsupported archive format, expected for installer (python|binary) .*\.tar\.gz/,
    );
  });
});
