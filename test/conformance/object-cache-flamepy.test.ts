import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster({ daemons: ["flame-object-cache"] });
});

afterAll(() => cluster.close());

const prelude = `
import os, tempfile
import pyarrow as pa, pyarrow.flight as fl
from flamepy.core import cache
from flamepy.core.cache import (
    ObjectRef, delete_objects, get_object, patch_object, put_object, update_object, upload_object,
)
raw = fl.connect(os.environ["FLAME_CACHE_ENDPOINT"])
SCHEMA = pa.schema([("version", pa.uint64()), ("data", pa.binary())])

def batch(*cells):
    columns = [pa.array([0] * len(cells), pa.uint64()), pa.array(cells, pa.binary())]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)

def put(descriptor, *batches, schema=SCHEMA, headers=(), options=None):
    if isinstance(descriptor, str):
        descriptor = fl.FlightDescriptor.for_path(descriptor)
    call = fl.FlightCallOptions(headers=list(headers), write_options=options)
    writer, reader = raw.do_put(descriptor, schema, call)
    for one in batches:
        writer.write_batch(one)
    writer.done_writing()
    reader.read()
    writer.close()

def rows(ticket):
    return raw.do_get(fl.Ticket(ticket)).read_all().to_pylist()

def refused(action, *kinds):
    try:
        action()
    except kinds as failure:
        print(type(failure).__name__, str(failure).split(". gRPC client")[0].split("message: ")[-1])
    else:
        raise AssertionError("it was accepted")
`;

/** Runs Python with the published client; a failed assertion there fails the test with its traceback. */
async function expectFlamepy(source: string): Promise<string> {
  const { code, stdout, stderr } = await cluster.python(prelude + source, "published");
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd();
}

describe("the published flamepy against the object cache", () => {
  it("puts, gets, hears not modified, updates and deletes", async () => {
    const source = `
ref = put_object("app/ssn", {"x": 1})
assert (ref.endpoint, ref.version) == (os.environ["FLAME_CACHE_ENDPOINT"], 1), ref
assert get_object(ref) == {"x": 1}
assert get_object(ref) is get_object(ref)
assert rows(f"{ref.key}:1") == []
ref = update_object(ref, [1, 2])
assert ref.version == 2 and get_object(ref) == [1, 2]
delete_objects("app/ssn")
delete_objects("app/ssn")
refused(lambda: get_object(ref), KeyError)
`;
    expect(await expectFlamepy(source)).toMatch(
      /^ArrowKeyError no object "app\/ssn\/[0-9a-f-]{36}"/,
    );
  });

  it("patches, and fetches only the patches it lacks", async () => {
    await expectFlamepy(`
ref = put_object("app/patched", "base")
assert get_object(ref) == "base"
for delta in ("one", "two"):
    ref = patch_object(ref, delta)
assert ref.version == 3
assert get_object(ref, lambda base, deltas: [base, *deltas]) == ["base", "one", "two"]
assert [(r["version"], r["kind"]) for r in rows(f"{ref.key}:2")] == [(3, "patch")]
assert [(r["version"], r["kind"]) for r in rows(f"{ref.key}")] == [(1, "base"), (2, "patch"), (3, "patch")]
ref = update_object(ref, "again")
assert get_object(ref, lambda base, deltas: [base, *deltas]) == ["again"] and ref.version == 4
`);
  });

  it("stores Arrow tables as they are, empty ones and dictionaries included", async () => {
    await expectFlamepy(`
schema = pa.schema([("x", pa.int64()), ("s", pa.string())], metadata={"owner": "me"})
table = pa.table({"x": [1, 2, 3], "s": ["a", None, "c"]}, schema=schema)
ref = put_object("app/tables", table)
back = get_object(ref)
assert back.equals(table, check_metadata=True), back
assert get_object(ObjectRef(ref.endpoint, ref.key, 1)).equals(table)
ref = update_object(ref, table.slice(1))
assert ref.version == 2 and get_object(ref).equals(table.slice(1))
assert rows(f"{ref.key}:2") == [] and len(rows(f"{ref.key}:1")) == 2
for other in (
    pa.table({"x": pa.array([], pa.int64())}),
    pa.Table.from_batches([], pa.schema([("x", pa.int64())])),
    pa.table({"c": pa.array(["u", "v", "u"]).dictionary_encode()}),
    pa.record_batch({"x": [1.5]}),
):
    assert get_object(put_object("app/tables", other)).equals(other), other
refused(lambda: patch_object(ref, 1), ValueError)
info = raw.get_flight_info(fl.FlightDescriptor.for_path(ref.key))
assert info.schema.names == ["x", "s"] and info.schema.metadata[b"flame.cache.version"] == b"2"
`);
  });

  it("is refused patches of tables and tables as patches, and versions stay as they were", async () => {
    await expectFlamepy(`
table = pa.table({"x": [1, 2]}, metadata={"flame.cache.format": "arrow-table-v1"})
patch = lambda ref: fl.FlightDescriptor.for_command(b"PATCH:" + ref.key.encode())
for ref in (put_object("app/native", table), put_object("app/native", "opaque")):
    native = lambda: put(patch(ref), *table.to_batches(), schema=table.schema)
    refused(native, ValueError)
    assert rows(f"{ref.key}:1") == [], "a refused patch counts no version"
ref = put_object("app/native", table)
refused(lambda: put(patch(ref), batch(b"delta")), ValueError)
assert rows(f"{ref.key}:1") == [] and get_object(ref).equals(table)
assert update_object(ref, table.slice(1)).version == 2
assert rows(f"{ref.key}:2") == [] and rows(f"{ref.key}:1") == [{"x": 2}]
`);
  });

  it("uploads a file in chunks and reads it as one object", async () => {
    await expectFlamepy(`
content = os.urandom(3 * 1024 * 1024 + 17)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "package.tar.gz")
    open(path, "wb").write(content)
    ref = upload_object("app/pkg/package.tar.gz", path)
    assert (ref.key, ref.version) == ("app/pkg/package.tar.gz", 1)
    assert [(r["kind"], r["data"] == content) for r in rows(f"{ref.key}:0")] == [("base", True)]
    assert upload_object("app/pkg", path).key.startswith("app/pkg/")
    open(path, "wb")
    refused(lambda: upload_object("app/pkg/empty", path), ValueError)
`);
  });

  it("carries an object of 64 MiB", async () => {
    await expectFlamepy(`
large = os.urandom(64 * 1024 * 1024)
ref = put_object("app/large", large)
assert get_object(ref) == large
assert get_object(update_object(ref, large[1:])) == large[1:]
`);
  });

  it("deletes one object, a session, and all sessions of an application", async () => {
    await expectFlamepy(`
def keys():
    return sorted(info.endpoints[0].ticket.ticket.decode() for info in raw.list_flights())
for key in ("del/s1/x", "del/s1/y", "del/s2/x", "dele/s1/x"):
    put(key, batch(b"1"))
delete_objects("del/s1/x")
assert [k for k in keys() if k.startswith("del")] == ["del/s1/y", "del/s2/x", "dele/s1/x"]
delete_objects("del/*")
assert [k for k in keys() if k.startswith("del")] == ["dele/s1/x"]
put("del/s1/x", batch(b"2"))
assert rows("del/s1/x:1")[0]["version"] == 2, "a version is never used twice"
assert [(a.type) for a in raw.list_actions()] == ["DELETE"]
`);
  });

  it("reads the cells of all rows and batches as one object", async () => {
    await expectFlamepy(`
put("app/rows/x", batch(b"ab", b"", b"cd"), batch(None), batch(b"ef"))
assert rows("app/rows/x") == [{"version": 1, "kind": "base", "data": b"abcdef"}]
put("app/rows/x", batch(b"ab", b"cd", b"ef").slice(1, 1))
assert rows("app/rows/x")[0]["data"] == b"cd"
put("app/rows/odd:name", batch(b"colon"))
assert rows("app/rows/odd:name:0")[0]["data"] == b"colon"
`);
  });

  it("is refused a change whose expected version is not the current one", async () => {
    const source = `
expect = lambda version: [(b"flame-expected-version", version)]
put("app/cas/x", batch(b"1"), headers=expect(b"0"))
put("app/cas/x", batch(b"2"), headers=expect(b"1"))
refused(lambda: put("app/cas/x", batch(b"3"), headers=expect(b"1")), fl.FlightError)
refused(lambda: put("app/cas/x", batch(b"3"), headers=expect(b"one")), ValueError)
assert rows("app/cas/x")[0]["data"] == b"2"
`;
    expect(await expectFlamepy(source)).toMatch(
      /the object "app\/cas\/x" was not changed: expected version 1, its current version is 2/,
    );
  });

  it("gets the statuses of the contract for bad input, and the cache goes on", async () => {
    const source = `
patch = lambda key: fl.FlightDescriptor.for_command(b"PATCH:" + key)
large = pa.schema([("version", pa.uint64()), ("data", pa.large_binary())])
zstd = pa.ipc.IpcWriteOptions(compression="zstd")
one = batch(b"1")
invalid, unknown = ValueError, fl.FlightInternalError
refused(lambda: rows("app/none/x"), KeyError)
refused(lambda: put(patch(b"app/none/x"), one), KeyError)
refused(lambda: put(patch(b"app/none"), one), invalid)
refused(lambda: put(fl.FlightDescriptor.for_command(b"FOO"), one), invalid)
refused(lambda: put("app", one), invalid)
refused(lambda: put("app/*", one), invalid)
refused(lambda: rows("app/*/x"), invalid)
refused(lambda: put(patch(b"app/*/x"), one), invalid)
refused(lambda: put("app/../x", *[batch(b"x" * 4_000_000)] * 3), invalid)
refused(lambda: put("app/bad/x"), invalid)
refused(lambda: put("app/bad/x", one.slice(0, 0)), invalid)
refused(lambda: put("app/bad/x", batch(b"z" * 10_000), options=zstd), invalid)
refused(lambda: put("app/bad/x", schema=large), unknown)
refused(lambda: rows(b"\\xff/a/b"), invalid)
refused(lambda: rows("app/bad/x:one"), invalid)
refused(lambda: rows("app/bad"), invalid)
refused(lambda: list(raw.do_action(fl.Action("FOO", b""))), invalid)
refused(lambda: list(raw.do_action(fl.Action("DELETE", b"\\xff"))), invalid)
refused(lambda: list(raw.do_action(fl.Action("DELETE", b"*/x"))), invalid)
refused(lambda: raw.get_flight_info(fl.FlightDescriptor.for_command(b"x")), invalid)
refused(lambda: raw.do_exchange(fl.FlightDescriptor.for_path("a"))[1].read_all(), NotImplementedError)
assert [i for i in raw.list_flights() if b"/bad/" in i.endpoints[0].ticket.ticket] == []
assert raw.get_schema(fl.FlightDescriptor.for_path("x")).schema.names == ["version", "kind", "data"]
assert len(raw.get_flight_info(fl.FlightDescriptor.for_path("a", "b", "c")).endpoints) == 1
`;
    const texts = (await expectFlamepy(source)).split("\n");
    expect(texts).toHaveLength(21);
    for (const text of texts) expect(text).toMatch(/^\w+ \S.{15,}/);
  });
});
