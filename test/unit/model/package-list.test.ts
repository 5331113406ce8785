import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { packageFault, packagesFault, packagesMax } from "../../../src/model/package-list.ts";

const hash = "a".repeat(64);

/** What flamepy's tests read as well. */
const urls = JSON.parse(
  readFileSync(new URL("../../fixtures/listed-urls.json", import.meta.url), "utf8"),
) as { taken: string[]; refused: [entry: string, expected: string][] };

describe("an entry of a list of packages", () => {
  it.each([
    "numpy",
    "numpy>=2",
    "pandas[parquet, excel]==2.*",
    "tomli>=2; python_version < '3.11'",
    "thing @ https://example.org/thing-1.0-py3-none-any.whl",
    "https://example.org/thing-1.0-py3-none-any.whl",
    "git+https://example.org/thing.git@v1",
    "file:///opt/thing-1.0-py3-none-any.whl",
    `file://localhost/opt/thing.tar.gz#sha256=${hash}`,
    `grpc://127.0.0.1:9090/app/pkg/thing.tar.gz#sha256=${hash}`,
    `GRPCS://cache:9090/app/ssn/thing.whl#sha256=${hash.toUpperCase()}`,
  ])("%j may be sent to a node", (entry) => {
    expect(packageFault(entry)).toBeUndefined();
  });

  it.each([
    ["", "an entry is empty"],
    ["  ", "an entry is empty"],
    ["x".repeat(4097), "at most 4096 characters"],
    ["six\n--index-url https://example.org", "one line without control characters"],
    ["six\u0000", "one line without control characters"],
    ["https://user:${PASSWORD}@example.org/x.whl", "variables are not expanded"],
    ["-r requirements.txt", "neither an option nor a relative path"],
    ["--no-binary :all:", "neither an option nor a relative path"],
    ["./my-project", "neither an option nor a relative path"],
    ["/opt/my-project", "neither an option nor a relative path"],
    ["my/project", "a path means nothing on a node"],
    ["grpc://127.0.0.1:9090/app/pkg/thing.whl", "with #sha256= and the 64 hex digits"],
    [`grpc:///app/pkg/thing.whl#sha256=${hash}`, "grpc://HOST:PORT/KEY of an upload"],
    ["grpcs://cache:9090/x.whl#sha256=12", "grpcs://HOST:PORT/KEY of an upload"],
    ["file://opt/thing.whl", "file:/// and the absolute path"],
    ["file:///opt/thing.whl#egg=thing", "file:/// and the absolute path"],
    ["file:///opt/thing.whl?x", "file:/// and the absolute path"],
  ])("%j is refused", (entry, expected) => {
    expect(packageFault(entry)).toContain(expected);
  });

  it.each(urls.taken)("the url of %j is one that uv takes", (entry) => {
    expect(packageFault(entry)).toBeUndefined();
  });

  it.each(urls.refused)("the url of %j is none that uv takes", (entry, expected) => {
    expect(packageFault(entry)).toBe(expected);
  });

  it("may have a path in a marker, which is none", () => {
    expect(packageFault("six; platform_version != 'a/b'")).toBeUndefined();
  });
});

describe("a list of packages", () => {
  it("is refused by its first bad entry, shortened", () => {
    expect(packagesFault(["six", `-${"x".repeat(1000)}`, ""])).toBe(
      `packages[1]: got "-${"x".repeat(199)}", expected a requirement such as numpy>=2, or a url; neither an option nor a relative path`,
    );
    expect(packagesFault([])).toBeUndefined();
  });

  it("has at most so many entries", () => {
    const entries = Array.from({ length: packagesMax + 1 }, (_, n) => `p${n}`);
    expect(packagesFault(entries.slice(1))).toBeUndefined();
    expect(packagesFault(entries)).toBe("packages: got 257 entries, expected at most 256");
  });
});
