import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { prepareCluster, startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(async () => {
  await cluster.close();
});

/** A line as flamepy prints it, with its executor taken out. */
const bare = (text: string): string[] => text.replaceAll(/^\(\w{8} ?/gm, "(").split("\n");

describe("what Python functions print", () => {
  test("reaches the client that waits for them, before it goes on", async () => {
    const { stdout, stderr } = await cluster.python(`
import flamepy, sys

def shout(text):
    print(text)
    print("wrong:", text, file=sys.stderr, end="")
    return text

with flamepy.create_session("flmrun", shout, max_instances=1, logs=True) as session:
    for text in ("first", "zwölf ☃", "a\\nb"):
        session(text)
print("done")
`);
    expect(bare(stdout)).toEqual([
      "(task 1) first",
      "(task 2) zwölf ☃",
      "(task 3) a",
      "(task 3) b",
      "done",
      "",
    ]);
    expect(bare(stderr)).toEqual([
      "(task 1) wrong: first",
      "(task 2) wrong: zwölf ☃",
      "(task 3) wrong: a",
      "(task 3) b",
      "",
    ]);
  });

  test("is not asked for where nobody looks, and goes to a function that wants it", async () => {
    const { stdout, stderr } = await cluster.python(`
import flamepy, threading

lines = []
with flamepy.Executor() as executor:
    executor.submit(print, "nobody").result()
with flamepy.Executor(logs=lines.append) as executor:
    list(executor.map(print, range(200)))
assert sorted(int(line.text) for line in lines) == list(range(200)), lines
one = lines[0]
assert (one.stream, one.left_out) == ("out", 0), one
assert one.node and one.session and len(one.executor) > 8 and int(one.task) > 0, one
print(len({line.task for line in lines}), str(one).startswith("(" + one.executor[:8] + " task "))
print([thread.name for thread in threading.enumerate() if "logs" in thread.name])
`);
    expect(stderr).toBe("");
    expect(stdout).toBe("200 True\n['flamepy-logs']\n");
  });

  test("is told as far as there is room: a million lines, with how many are missing", async () => {
    const { stdout, stderr } = await cluster.python(`
import flamepy, time

told = missing = 0
last = None
def count(line):
    global told, missing, last
    missing += line.left_out
    told += line.left_out == 0
    last = line.text

def many():
    for n in range(1_000_000):
        print(n)

with flamepy.create_session("flmrun", many, logs=count) as session:
    session()
print(told + missing, told > 10_000)
`);
    expect(stderr).toBe("");
    expect(stdout).toBe("1000000 True\n");
  });

  test("delays nothing and nobody when the client that asked does not read", async () => {
    const { stdout, stderr } = await cluster.python(`
import flamepy, threading, time

go_on = threading.Event()
missing = 0
def stuck(line):
    global missing
    missing += line.left_out
    go_on.wait()

def flood():
    import os
    for _ in range(1600):
        os.write(1, b"x" * 65536)  # 100 MiB, without the end of a line.
    print()
    return "flooded"

with flamepy.create_session("flmrun", flood, logs=stuck, max_instances=1) as session:
    print(session())
    with flamepy.create_session("flmrun", len, logs=False) as other:
        began = time.monotonic()
        other("abc")
        assert time.monotonic() - began < 20
    go_on.set()
print(missing > 1000)
`);
    expect(stderr).toBe("");
    expect(stdout).toBe("flooded\nTrue\n");
  });

  test("comes from every node, marked with it", async () => {
    const other = await prepareCluster({
      config: { cluster: { endpoint: cluster.endpoint } },
      env: { FLAME_NODE_NAME: "the-other" },
    });
    try {
      await other.daemon("flame-executor-manager").start();
      const { stdout, stderr } = await cluster.python(`
import flamepy, time

nodes = set()
def hello():
    print("hello")
    time.sleep(0.2)

with flamepy.Executor(logs=lambda line: nodes.add(line.node)) as executor:
    deadline = time.monotonic() + 60
    while len(nodes) < 2 and time.monotonic() < deadline:
        [one.result() for one in [executor.submit(hello) for _ in range(8)]]
print(len(nodes))
`);
      expect(stderr).toBe("");
      expect(stdout).toBe("2\n");
    } finally {
      await other.close();
    }
  });
});
