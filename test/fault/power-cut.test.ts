import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { whenChanged } from "../../scripts/lib/stamps.mjs";
import { FlameClient, type Session } from "../../src/client/index.ts";
import { ObjectClient, type ObjectRef } from "../../src/client/objects.ts";
import { FlameError } from "../../src/model/errors.ts";
import { prepareCluster, type TestCluster } from "../support/cluster.ts";
import { type CrashDisk, crashDisk, type Leftover, noCrashDisk } from "../support/crash-disk.ts";
import { wheel } from "../support/wheel.ts";

const mib = 1024 * 1024;
const daemons = ["flame-session-manager", "flame-object-cache", "flame-executor-manager"] as const;
const reason = noCrashDisk();
if (reason !== undefined) process.stderr.write(`power-cut.test.ts: skipped, ${reason}\n`);
const onCrashDisk = reason === undefined ? describe : describe["skip"];

/** A client of an application whose package alone has the word. */
const askForWord = `
import flamepy
from flamepy import RunnerContext, RunnerRequest

def ask(name):
    import importlib
    return importlib.import_module(name).word

ssn = flamepy.create_session("packaged", RunnerContext(execution_object=ask))
print(ssn.invoke(RunnerRequest(args=("greet",))).get())
ssn.close()
`;

let cluster: TestCluster;
let disk: CrashDisk;
let client: FlameClient;
let objects: ObjectClient;

beforeEach(async () => {
  cluster = await prepareCluster();
  disk = crashDisk(join(cluster.home, "data"), 256 * mib);
  client = new FlameClient({ endpoint: cluster.endpoint });
  objects = new ObjectClient({ endpoint: cluster.cacheEndpoint });
});

afterEach(async () => {
  client.close();
  objects.close();
  for (const name of daemons) await cluster.daemon(name).stop();
  disk.remove();
  await cluster.close();
});

async function startDaemons(): Promise<void> {
  for (const name of daemons) await cluster.daemon(name).start();
}

async function cutPower(leftover: Leftover): Promise<void> {
  for (const name of daemons) await cluster.daemon(name).kill();
  await disk.cutPower(leftover);
}

function write(path: string, content: string | Buffer): string {
  const full = join(cluster.home, "user", path);
  mkdirSync(join(full, ".."), { recursive: true });
  writeFileSync(full, content);
  return full;
}

/** @returns what it printed; a failure's text when it failed */
async function word(): Promise<string> {
  const { stdout, stderr } = await cluster.python(askForWord);
  return stdout.trim() === "" ? stderr : stdout.trim();
}

async function register(name: string, spec: string): Promise<void> {
  const file = write(`${name}.yaml`, `metadata:\n  name: ${name}\nspec:\n${spec}`);
  expect(await cluster.run("flmctl", "register", "-f", file)).toMatchObject({ code: 0 });
}

/** What became of an object that was put with `durable: false`. */
async function outcome(ref: ObjectRef, content: Buffer): Promise<string> {
  try {
    return content.equals(await objects.get(ref)) ? "whole" : "other bytes";
  } catch (thrown) {
    const { code, message } = FlameError.from(thrown);
    const isTold = message.includes(`${ref.key}" is lost: it was put with durable=False`);
    return code === "not_found" && isTold ? "lost" : message;
  }
}

/** Brings the applications of a folder into the cluster. @returns the file in which the controller remembers them */
async function reconcile(): Promise<string> {
  write("apps/kept.yaml", "metadata:\n  name: kept\nspec:\n  command: /bin/true\n");
  const state = join(cluster.home, "data/apps.state");
  const folder = join(cluster.home, "user/apps");
  const options = ["--endpoint", cluster.endpoint, "--directory", folder, "--state", state];
  expect(await cluster.run("flame-registry", ...options, "--once")).toMatchObject({ code: 0 });
  return state;
}

async function contentOf(session: Session): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { id } of session.listTasks()) {
    const { state, input, output } = await session.getTask(id);
    found.set(id, JSON.stringify([state, input?.toString("hex"), output?.toString("hex")]));
  }
  return found;
}

onCrashDisk.each<Leftover>(["nothing", "names"])(
  "a power cut that keeps %s of what nobody synced",
  (leftover) => {
    it("takes back no task that was acknowledged", async () => {
      await startDaemons();
      const session = await client.createSession({ application: "flmping" });
      for (let task = 0; task < 20; task++) await session.run(Buffer.alloc(task * 1_000, task));
      await cluster.daemon("flame-executor-manager").kill();
      for (let task = 0; task < 20; task++) await session.createTask(Buffer.alloc(70_000, task));
      const before = await contentOf(session);
      expect(before.size).toBe(40);
      await cutPower(leftover);
      await cluster.daemon("flame-session-manager").start();
      expect(await contentOf(session)).toEqual(before);
    });

    it("takes back no object that was acknowledged, and no deletion", async () => {
      await startDaemons();
      const kept: [ObjectRef, Buffer][] = [];
      for (let one = 0; one < 10; one++) {
        const content = Buffer.alloc(one * 50_000, one);
        kept.push([await objects.put(`app/ssn/object-${one}`, content), content]);
      }
      const deleted = await objects.put("app/gone/object", Buffer.from("gone"));
      await objects.delete("app/gone");
      await cutPower(leftover);
      await cluster.daemon("flame-object-cache").start();
      for (const [ref, content] of kept) expect(content.equals(await objects.get(ref))).toBe(true);
      await expect(objects.get(deleted)).rejects.toMatchObject({ code: "not_found" });
      // A version that somebody may still hold is not given to another content.
      expect((await objects.put("app/gone/object", Buffer.from("new"))).version).toBe(2);
    });

    it("may take an object that was put with durable: false, and says so; it gives no other bytes", async () => {
      await startDaemons();
      const kept = Buffer.alloc(300_000, "kept");
      const ref = await objects.put("app/ssn", kept);
      // Last, so that no sync of another one takes them along.
      const given: [ObjectRef, Buffer][] = [];
      for (const size of [100, 50_000, 200_000, 3_000_000]) {
        const content = Buffer.alloc(size, `${size}`);
        given.push([await objects.put("app/ssn", content, { durable: false }), content]);
      }
      await cutPower(leftover);
      const cache = cluster.daemon("flame-object-cache");
      await cache.start();
      expect(kept.equals(await objects.get(ref))).toBe(true);
      const became = await Promise.all(given.map(([lost, content]) => outcome(lost, content)));
      // That any is lost shows that none was synced.
      expect(became).toContain("lost");
      expect(became.filter((one) => one !== "lost" && one !== "whole")).toEqual([]);
      const last = cache.log().length;
      await cache.restart("SIGKILL");
      expect(cache.log().slice(last)).not.toContain("put with durable=False");
    });

    it("leaves whole packages or none: what was bound before is bound again", async () => {
      await startDaemons();
      const path = write("my-app.whl", wheel("greet", "word = 'from the wheel'\n"));
      const command = `  command: ${cluster.home}/bin/uv\n  arguments: [run, -n, flamepy.runpy]\n`;
      await register("packaged", `  url: file://${path}\n  installer: python\n${command}`);
      expect(await word()).toBe("from the wheel");
      await cutPower(leftover);
      await startDaemons();
      expect(await word()).toBe("from the wheel");
    });

    it("takes back nothing that flame-registry remembered", async () => {
      await startDaemons();
      const state = await reconcile();
      const before = readFileSync(state, "utf8");
      expect(before).toContain('"kept"');
      await cutPower(leftover);
      expect(readFileSync(state, "utf8")).toBe(before);
    });

    it("leaves no stamp of set-up without all that it speaks for", async () => {
      const folder = join(cluster.home, "data/stamps");
      const product = join(cluster.home, "data/program");
      const made = { folder, name: "program", title: "making it", inputs: [], products: [product] };
      const work = async (): Promise<void> => writeFileSync(product, "x".repeat(100_000));
      expect(await whenChanged({ ...made, work })).toBe(true);
      await disk.cutPower(leftover);
      // Its stamp stands, or nothing does.
      await whenChanged({ ...made, work });
      expect(readFileSync(product, "utf8")).toHaveLength(100_000);
    });

    it("leaves a whole backup", async () => {
      await startDaemons();
      const session = await client.createSession({ application: "flmping" });
      await session.createTask(Buffer.alloc(100_000, 7));
      const backup = join(cluster.home, "data/backup.db");
      expect(await cluster.run("flmctl", "backup", backup)).toMatchObject({ code: 0 });
      const before = readFileSync(backup);
      await cutPower(leftover);
      expect(before.equals(readFileSync(backup))).toBe(true);
    });
  },
);
