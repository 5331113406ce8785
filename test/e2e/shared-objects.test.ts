import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await startCluster({ daemons: ["flame-object-cache"] });
});
afterEach(() => cluster.close());

/** Counts what goes through files: a put of one makes a description, a get opens one. */
const counted = `
import flamepy, os, sys
from flamepy.cache import get_object, put_object, update_object
from flamepy._objects import connections
from flamepy._objects import shared
files = []
def counting(name):
    real = getattr(shared.Share, name)
    def call(self, *args):
        files.append(name)
        return real(self, *args)
    setattr(shared.Share, name, call)
counting("written")
counting("piece")
`;

async function run(source: string, client?: "published"): Promise<string> {
  const { code, stdout, stderr } = await cluster.python(source, client);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trim();
}

describe("flamepy on the host of the object cache", () => {
  it("puts and gets large objects through files, which stay readable after a deletion", async () => {
    const source = `${counted}
import pyarrow
array = pyarrow.array(range(100_000))
ref = put_object("app/ssn", array)
one, two = get_object(ref), get_object(ref)
assert one.equals(array) and two.equals(array) and get_object(ref).equals(array)
text = os.urandom(1_000_000)
assert get_object(put_object("app/ssn", text)) == text
table = pyarrow.table({"a": list(range(100_000))})
assert get_object(put_object("app/ssn", table)).equals(table)
newer = update_object(ref, pyarrow.array(range(1, 100_001)))
assert newer.version == 2 and get_object(ref)[0].as_py() == 1
# What is mapped stays as it was, and readable, after the object is gone.
kept = get_object(ref)
from flamepy.cache import delete_objects
delete_objects("app/*")
assert kept[5].as_py() == 6
put_object("app/ssn", b"small")
print(" ".join(files))
`;
    expect(await run(source)).toBe("written piece piece piece written piece written piece piece");
    expect(readdirSync(join(cluster.home, "data/objects/tmp"))).toEqual([]);
  });

  it("goes on through messages where files do not serve: a restarted cache, a folder that is gone", async () => {
    const source = `${counted}
value = os.urandom(1_000_000)
ref = put_object("app/ssn", value)
share = connections._shares._shares[ref.endpoint]
stale = shared.Share(share.folder, b"0" * 64)
connections._shares._shares[ref.endpoint] = stale
assert get_object(ref) == value
assert get_object(put_object("app/ssn", value)) == value
elsewhere = shared.Share(share.folder / "nowhere", share.proof)
connections._shares._shares[ref.endpoint] = elsewhere
assert get_object(put_object("app/ssn", value)) == value
connections._shares._shares[ref.endpoint] = elsewhere
assert get_object(ref) == value
print("whole")
`;
    expect(await run(source)).toBe("whole");
  });

  it("uses no folder that is not its own user's alone", async () => {
    const file = join(cluster.home, "data/objects/cache.share");
    writeFileSync(file, "not a proof");
    const source = `${counted}
value = os.urandom(1_000_000)
assert get_object(put_object("app/ssn", value)) == value
print(files)
`;
    expect(await run(source)).toBe("[]");
  });

  it("leaves nothing for long of a client that was killed between its file and its put", async () => {
    const source = `${counted}
import signal
real = shared._write
def killed(*args):
    real(*args)
    os.kill(os.getpid(), signal.SIGKILL)
shared._write = killed
put_object("app/ssn", os.urandom(1_000_000))
`;
    expect(await cluster.python(source)).toMatchObject({ stdout: "", stderr: "" });
    const tmp = join(cluster.home, "data/objects/tmp");
    expect(readdirSync(tmp)).toEqual([expect.stringMatching(/^shared-[0-9a-f]{32}$/)]);
    await cluster.daemon("flame-object-cache").restart("SIGKILL");
    expect(readdirSync(tmp)).toEqual([]);
  });

  it("puts and gets small objects on a socket, with and without it, over a restart of the cache", async () => {
    const source = `
import flamepy, pathlib, time
from concurrent.futures import ThreadPoolExecutor
from flamepy._objects import small_calls
asked = []
real = small_calls.SmallCalls._asked
def counting(self, *args):
    asked.append(args[0])
    return real(self, *args)
small_calls.SmallCalls._asked = counting
values = [b"x" * number for number in range(500)]
with ThreadPoolExecutor(64) as pool:
    refs = list(pool.map(lambda value: flamepy.put_object("app/ssn", value), values))
    assert list(pool.map(flamepy.get_object, refs)) == values
assert flamepy.get_object(refs[0]) == b""
print(asked.count(1), asked.count(2))
home = pathlib.Path("${cluster.home}")
(home / "asked").touch()
until = time.monotonic() + 60
while not (home / "restarted").exists() and time.monotonic() < until:
    time.sleep(0.05)
assert flamepy.get_object(refs[7]) == values[7]
assert flamepy.put_object("app/ssn", b"again").get() == b"again"
from flamepy.cache import patch_object
patch_object(refs[3], b"y")
assert flamepy.get_object(refs[3], lambda base, patches: (base, patches)) == (b"xxx", [b"y"])
try:
    flamepy.get_object(flamepy.ObjectRef(refs[0].endpoint, "app/ssn/nothing", 0))
except flamepy.FlameError as error:
    print(error.code.name)
`;
    const running = run(source);
    const asked = () => existsSync(join(cluster.home, "asked"));
    await waitFor("the first calls", asked, { deadlineMs: 60_000 });
    await cluster.daemon("flame-object-cache").restart("SIGKILL");
    writeFileSync(join(cluster.home, "restarted"), "");
    expect((await running).split("\n")).toEqual(["500 501", "NOT_FOUND"]);
  });

  it("stores nothing of a put that its client broke off", async () => {
    const source = `
import flamepy
from flamepy import FlameError, ObjectRef
from flamepy._objects import flight
ref = flamepy.put_object("app/ssn", b"there")
def broken():
    yield b"x" * 1_000_000
    raise KeyboardInterrupt
try:
    flight.put_stream(ref.endpoint, None, "app/ssn/broken", 2, broken, True)
except KeyboardInterrupt:
    print("interrupted")
try:
    flamepy.get_object(ObjectRef(ref.endpoint, "app/ssn/broken", 0))
except FlameError as error:
    print(error.code.name)
`;
    expect((await run(source)).split("\n")).toEqual(["interrupted", "NOT_FOUND"]);
  });

  it("gives published clients what ours put through files, and the other way round", async () => {
    const put = `${counted}
print(put_object("app/ssn", list(range(200_000))).encode().hex())
`;
    const get = (ref: string): string => `
from flamepy.core import get_object, put_object, ObjectRef
value = list(range(200_000))
assert get_object(ObjectRef.decode(bytes.fromhex("${ref}"))) == value
print(put_object("app/ssn", value).encode().hex())
`;
    const theirs = await run(get(await run(put)), "published");
    expect(await run(get(theirs))).toMatch(/^[0-9a-f]+$/);
  });
});

const reason = noNamespaces();
if (reason !== undefined) process.stderr.write(`shared-objects.test.ts: skipped, ${reason}\n`);
const inNamespaces = reason === undefined ? describe : describe["skip"];

inNamespaces(
  "flamepy that sees another folder where the cache has its own, as in a container",
  () => {
    it.each([
      ["an empty one", ""],
      [
        "that of another cache",
        `
open(folder + "/cache.share", "w").write("0" * 64)
import socket
elsewhere = socket.socket(socket.AF_UNIX)
elsewhere.bind(folder + "/small.sock")
elsewhere.listen()
`,
      ],
    ])("puts and gets %s through messages", async (_, fill) => {
      const folder = JSON.stringify(join(cluster.home, "data/objects"));
      const source = `
import os, subprocess
folder = ${folder}
os.unshare(os.CLONE_NEWNS)
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
os.umask(0o077)
for name in ("tmp", "pieces"):
    os.mkdir(folder + "/" + name)
${fill}
${counted}
value = os.urandom(1_000_000)
ref = put_object("app/ssn", value)
assert get_object(ref) == value
small = put_object("app/ssn", b"small")
assert get_object(small) == b"small"
assert os.listdir(folder + "/tmp") == []
print(files)
`;
      expect(await run(source)).toBe("[]");
    });
  },
);

/** Why no mount namespace can be made here; undefined when one can. */
function noNamespaces(): string | undefined {
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "pipe" });
    return undefined;
  } catch (thrown) {
    return `no mount namespace can be made here: ${String((thrown as { stderr?: Buffer }).stderr ?? thrown).trim()}`;
  }
}
