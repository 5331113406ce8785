import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import type { Daemon } from "../support/daemon.ts";
import { waitFor } from "../support/wait-for.ts";

let cluster: TestCluster;
let cache: Daemon;

beforeEach(async () => {
  cluster = await startCluster({ daemons: ["flame-object-cache"] });
  cache = cluster.daemon("flame-object-cache");
});
afterEach(() => cluster.close());

const at = (...parts: string[]): string => join(cluster.home, ...parts);

/** What is common to the programs: each puts and gets the same values, and remembers the references in a file. */
const common = (): string => `
import pathlib, pickle
import pyarrow, flamepy
from flamepy.core.cache import get_object, patch_object, put_object, update_object
file = pathlib.Path("${at("refs")}")
values = [b"small", "middle" * 10_000, b"large" * 1_000_000, list(range(100_000))]
def put_all():
    refs = [put_object("app/ssn", value, durable=False) for value in values]
    refs.append(put_object("app/ssn", pyarrow.array(range(200_000)), durable=False))
    refs.append(put_object("app/ssn", pyarrow.table({"a": list(range(200_000))}), durable=False))
    (pathlib.Path("${at("upload")}")).write_bytes(b"uploaded" * 10_000)
    refs.append(flamepy.core.cache.upload_object("app/ssn", "${at("upload")}", durable=False))
    file.write_bytes(pickle.dumps([(ref.endpoint, ref.key, ref.version) for ref in refs]))
    return refs
def check_all(refs):
    assert [get_object(ref) for ref in refs[:4]] == values
    assert get_object(refs[4]).equals(pyarrow.array(range(200_000)))
    assert get_object(refs[5]).column("a").to_pylist()[-1] == 199_999
    flamepy.core.cache.download_object(refs[6], "${at("download")}")
    assert pathlib.Path("${at("download")}").read_bytes() == b"uploaded" * 10_000
def known():
    return [flamepy.ObjectRef(*parts) for parts in pickle.loads(file.read_bytes())]
`;

async function run(source: string): Promise<string> {
  const { code, stdout, stderr } = await cluster.python(`${common()}${source}`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trim();
}

const getAll = "check_all(known())\nprint('whole')";
const small = (): string[] => readdirSync(at("data/objects/small"));

describe("flamepy's put_object with durable=False", () => {
  it("keeps values of every kind and size over kill -9 of the cache, and in a backup", async () => {
    const puts = `
refs = put_all()
check_all(refs)
assert all(ref.key.startswith("app/ssn/unsynced-") for ref in refs)
print("put")
`;
    expect(await run(puts)).toBe("put");
    expect(small()).toEqual([expect.stringMatching(/\.unsynced$/)]);
    expect(readdirSync(at("data/objects/pieces")).filter((one) => one.endsWith(".base"))).toEqual(
      [],
    );
    await cache.kill();
    await cache.start();
    expect(await run(getAll)).toBe("whole");

    const backup = await cluster.run("flame", "backup", at("backup"));
    expect(backup).toMatchObject({ code: 0, stderr: "" });
    expect(await run("flamepy.core.cache.delete_objects('app/*')\nprint('gone')")).toBe("gone");
    await cache.stop();
    expect(await cluster.run("flame", "restore", at("backup"))).toMatchObject({ code: 0 });
    await cache.start();
    expect(await run(getAll)).toBe("whole");
    expect(cache.log()).not.toContain("skipped");
  });

  it("raises ObjectLostError for what a power cut took, also for who has it already", async () => {
    const source = `
import time
refs = put_all()
held = [get_object(ref) for ref in refs[:4]]
(pathlib.Path("${at("asked")}")).touch()
until = time.monotonic() + 60
while not pathlib.Path("${at("lost")}").exists():
    assert time.monotonic() < until
    time.sleep(0.01)
for ref in refs:
    try:
        get_object(ref)
    except flamepy.ObjectLostError as error:
        assert isinstance(error, flamepy.ObjectNotFoundError) and isinstance(error, KeyError)
        assert "is lost: it was put with durable=False" in str(error), error
        assert ref.key in str(error)
        assert type(pickle.loads(pickle.dumps(error))) is flamepy.ObjectLostError
    else:
        raise AssertionError(ref.key)
assert held == values
again = update_object(refs[2], values[2])
assert again.version == 2 and get_object(refs[2]) == values[2]
flamepy.core.cache.delete_objects(again.key)
try:
    get_object(again)
except flamepy.ObjectNotFoundError as error:
    assert type(error) is flamepy.ObjectNotFoundError, error
print("told")
`;
    const told = run(source);
    await waitFor("its objects", () => existsSync(at("asked")), { deadlineMs: 60_000 });
    await cache.kill();
    for (const name of readdirSync(at("data/objects/pieces"))) {
      truncateSync(at("data/objects/pieces", name), 100_000);
    }
    for (const name of small()) truncateSync(at("data/objects/small", name), 0);
    await cache.start();
    writeFileSync(at("lost"), "");
    expect(await told).toBe("told");
    const published = await cluster.python(
      `
import flamepy
from flamepy.core.cache import ObjectRef, get_object
try:
    get_object(ObjectRef(${JSON.stringify(cluster.cacheEndpoint)}, ${JSON.stringify(keyOfFirst())}, 1))
except Exception as error:
    print("is lost" in str(error))
`,
      "published",
    );
    expect(published.stdout.trim()).toBe("True");
  });

  it("refuses what it cannot do, in words", async () => {
    const source = `
ref = put_object("app/ssn", b"large" * 1_000_000, durable=False)
def refused(kind, text, call):
    try:
        call()
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError(text)
refused(ValueError, "update it instead, which is durable", lambda: patch_object(ref, 1))
refused(TypeError, "durable should be True or False, got 0", lambda: put_object("app/ssn", 1, durable=0))
refused(TypeError, "durable should be True or False, got None", lambda: put_object("app/ssn", 1, durable=None))
upload = flamepy.core.cache.upload_object
pathlib.Path("${at("upload")}").write_bytes(b"x")
refused(TypeError, "got 'no'", lambda: upload("app/ssn", "${at("upload")}", durable="no"))
refused(ValueError, 'it names its object "app/ssn/named"', lambda: upload("app/ssn/named", "${at("upload")}", durable=False))
assert update_object(ref, 7).version == 2
assert patch_object(ref, 8).version == 3
assert get_object(ref, lambda base, patches: [base, *patches]) == [7, 8]
print("refused")
`;
    expect(await run(source)).toBe("refused");
  });
});

/** Of the references that the program wrote down: the pickle has the keys as plain text. */
function keyOfFirst(): string {
  return /app\/ssn\/unsynced-[0-9a-f-]{36}/.exec(readFileSync(at("refs"), "latin1"))?.[0] ?? "";
}
