import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { ObjectClient } from "../../../src/client/objects.ts";
import type { Env } from "../../../src/config/env.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import type { PackageSource } from "../../../src/executor-manager/packages/package-source.ts";
import type { PreparedPackage } from "../../../src/executor-manager/service-host.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { wheel } from "../../support/wheel.ts";
import { WheelIndex } from "../../support/wheel-index.ts";
import { StoreUnderTest, wordOf } from "./store-under-test.ts";

jest.setTimeout(60_000);

const DAY = 86_400_000;
let store: StoreUnderTest;

const prepareWith = (more: Partial<PackageSource>): Promise<PreparedPackage> =>
  store.prepareList({ since: 1, ...more });
const prepare = (...packages: string[]): Promise<PreparedPackage> => prepareWith({ packages });

const sha256 = (file: string): string =>
  createHash("sha256").update(readFileSync(file)).digest("hex");
/** A lock as nodes keep it. */
const packed = (lock: string): string =>
  `# sha256: ${createHash("sha256").update(lock).digest("hex")}\n${lock}`;

let folder: ReturnType<typeof temporaryFolder>;
let cache: RunningObjectCache;
let client: ObjectClient;
let warnings: string[];

const logger = { ...silentLogger, warn: (_fields: unknown, text: string) => warnings.push(text) };
const open = (environment: Env = { UV_OFFLINE: "1" }): Promise<void> =>
  store.open({ cache: { endpoint: cache.endpoint } }, environment, logger);
const locks = async (): Promise<string[]> =>
  (await client.list()).map(({ key }) => key).filter((key) => key.endsWith("/lock"));
const read = async (key: string): Promise<string> =>
  (await client.get({ endpoint: cache.endpoint, key, version: 0 })).toString();
/** A node without anything that was installed before. */
async function anotherNode(environment?: Env): Promise<void> {
  await store.close();
  store = new StoreUnderTest();
  await open(environment);
}

beforeEach(async () => {
  warnings = [];
  folder = temporaryFolder("lock-cache");
  const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
  cache = await startObjectCache({ config, logger: silentLogger, port: 0 });
  client = new ObjectClient({ endpoint: cache.endpoint });
  store = new StoreUnderTest();
  await open();
});

afterEach(async () => {
  await store.close();
  client.close();
  await cache.close();
  folder.remove();
});

describe("the lock of a list in the object cache", () => {
  test("is what other nodes install, whatever they would find by themselves", async () => {
    const file = store.offer("locked", "1.0");
    expect(wordOf(await prepare("locked"), "locked")).toBe("1.0");
    const [key = ""] = await locks();
    expect(key).toMatch(/^my-app\/lock-[0-9a-f]{40}\/lock$/);
    const lock = `locked==1.0 \\\n    --hash=sha256:${sha256(file)}\n`;
    expect(await read(key)).toBe(packed(lock));
    await anotherNode();
    store.offer("locked", "1.0");
    store.offer("locked", "2.0");
    expect(wordOf(await prepare("locked"), "locked")).toBe("1.0");
    expect(await locks()).toEqual([key]);
  });

  test("is another one for sessions of another day, which find newer versions", async () => {
    store.offer("daily", "1.0");
    await prepareWith({ packages: ["daily"], since: DAY - 1 });
    store.offer("daily", "2.0");
    const next = await prepareWith({ packages: ["daily"], since: DAY });
    const before = await prepareWith({ packages: ["daily"], since: 0 });
    expect([wordOf(before, "daily"), wordOf(next, "daily")]).toEqual(["1.0", "2.0"]);
    expect(await locks()).toHaveLength(2);
  });

  test("that names what this node cannot get is told as it is", async () => {
    store.offer("gone", "1.0");
    await prepare("gone");
    await anotherNode();
    store.offer("gone", "2.0");
    await expect(prepare("gone")).rejects.toThrow(/uv pip install" ended with [\s\S]*gone==1\.0/);
  });

  test.each([
    ["is damaged", (lock: string) => lock.replace("==1.0", "==9.9")],
    ["has lost its head", (lock: string) => lock.slice(lock.indexOf("\n") + 1)],
  ])("that %s is made anew, and replaced", async (_name, damage) => {
    store.offer("mended", "1.0");
    await prepare("mended");
    const [key = ""] = await locks();
    const whole = await read(key);
    await client.put(key, Buffer.from(damage(whole)));
    expect(wordOf(await prepare("mended"), "mended")).toBe("1.0");
    expect(await read(key)).toBe(whole);
    expect(warnings).toContain("the lock of a list is damaged: the list is resolved anew");
  });

  test("that is missing by now is made anew", async () => {
    store.offer("removed", "1.0");
    await prepare("removed");
    const [key = ""] = await locks();
    await client.delete(key);
    expect(wordOf(await prepare("removed"), "removed")).toBe("1.0");
    expect(await locks()).toEqual([key]);
    expect(warnings).toEqual([]);
  });

  test("is done without while the object cache is away, which is logged", async () => {
    store.offer("alone", "1.0");
    await cache.close();
    expect(wordOf(await prepare("alone"), "alone")).toBe("1.0");
    expect(warnings).toEqual([
      "the lock of a list was not read",
      "the lock of a list was not put into the object cache: another node may find other versions",
    ]);
  });

  test("is of uploads by their content, wherever they were uploaded", async () => {
    const bytes = wheel("sent", "word = 'sent'\n");
    const hash = createHash("sha256").update(bytes).digest("hex");
    const urls: string[] = [];
    for (const session of ["s-1", "s-2"]) {
      const key = `my-app/${session}/${hash.slice(0, 16)}.sent-1.0-py3-none-any.whl`;
      await client.put(key, bytes);
      urls.push(`${cache.endpoint}/${key}#sha256=${hash}`);
    }
    for (const url of urls) expect(wordOf(await prepare(url), "sent")).toBe("sent");
    expect([(await locks()).length, store.installed().length]).toEqual([1, 1]);
    await client.put(`my-app/s-1/${hash.slice(0, 16)}.sent-1.0-py3-none-any.whl`, Buffer.from("x"));
    await anotherNode();
    await expect(prepare(urls[0] ?? "")).rejects.toThrow(
      new RegExp(`its content has sha256 [0-9a-f]{64}, expected ${hash}`),
    );
  });
});

describe("a file that changed since its list was resolved", () => {
  let index: WheelIndex;

  /** Puts a version on the index, in the place of what was there. */
  const publish = (name: string, version: string, word: string): Map<string, Buffer> =>
    index.files.set(
      `${name}-${version}-py3-none-any.whl`,
      wheel(name, `word = '${word}'\n`, { version }),
    );

  beforeEach(async () => {
    index = await WheelIndex.start();
    await anotherNode(index.environment);
  });

  afterEach(() => index.stop());

  const refusal =
    /packages "replaced": .*uv pip install" ended with [\s\S]*Hash mismatch for `replaced==1\.0`[\s\S]*\(a file is not the one that the list was resolved with, so nothing was installed: /;

  test("on the index is refused by other nodes, until it is what it was", async () => {
    publish("replaced", "1.0", "first");
    expect(wordOf(await prepare("replaced"), "replaced")).toBe("first");
    publish("replaced", "1.0", "second");
    await anotherNode(index.environment);
    await expect(prepare("replaced")).rejects.toThrow(refusal);
    expect(store.installed()).toEqual([]);
    publish("replaced", "1.0", "first");
    expect(wordOf(await prepare("replaced"), "replaced")).toBe("first");
  });

  test("among the wheels of another node is refused there", async () => {
    publish("replaced", "1.0", "first");
    await prepare("replaced");
    await anotherNode(index.environment);
    store.put(
      "home/wheels/replaced-1.0-py3-none-any.whl",
      wheel("replaced", "word = 'own'\n", { version: "1.0" }),
    );
    await expect(prepare("replaced")).rejects.toThrow(refusal);
  });

  test("is not told by a lock of an earlier release, which has no hashes and is used as it is", async () => {
    publish("replaced", "1.0", "first");
    await prepare("replaced");
    const [key = ""] = await locks();
    await client.put(key, Buffer.from(packed("replaced==1.0\n")));
    publish("replaced", "1.0", "second");
    publish("replaced", "2.0", "newer");
    await anotherNode(index.environment);
    expect(wordOf(await prepare("replaced"), "replaced")).toBe("second");
    expect(await read(key)).toBe(packed("replaced==1.0\n"));
  });

  test("could go unseen if a lock had hashes for the rest alone: that is refused", async () => {
    publish("replaced", "1.0", "first");
    publish("other", "1.0", "it");
    await prepare("replaced", "other");
    const [key = ""] = await locks();
    const lock = (await read(key)).replace(/^# .*\n/, "");
    const partial = lock.replace(/(replaced==1\.0) \\\n.*\n/, "$1\n");
    expect(partial).not.toBe(lock);
    await client.put(key, Buffer.from(packed(partial)));
    await anotherNode(index.environment);
    await expect(prepare("replaced", "other")).rejects.toThrow(
      'the lock of the list has no hash for "replaced==1.0", so no node can tell whether it gets the same file',
    );
  });
});

test("a commit of a git repository is its own hash, beside what has one", async () => {
  const repository = join(folder.path, "repository");
  const files = {
    "pyproject.toml":
      '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n' +
      '[project]\nname = "committed"\nversion = "1.0"\n[tool.setuptools]\npy-modules = ["committed"]\n',
    "committed.py": "word = 'committed'\n",
  };
  mkdirSync(repository);
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], {
      cwd: repository,
      encoding: "utf8",
    });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(repository, name), text);
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "-m", "first");
  store.linkWheels();
  store.offer("beside", "1.0");
  const list = [`committed @ git+${pathToFileURL(repository).href}`, "beside"];
  expect(wordOf(await prepare(...list), "committed")).toBe("committed");
  const [key = ""] = await locks();
  const lock = await read(key);
  expect(lock).toContain(`repository@${git("rev-parse", "HEAD").trim()}\n`);
  expect(lock.match(/--hash=sha256:/g)).toHaveLength(1);
});

describe("the lock that a node has seen", () => {
  const warning = "the lock of a list was not read: the copy that this node has kept is used";

  test("counts while the object cache is away, whatever the node would find by itself", async () => {
    store.offer("steady", "1.0");
    await prepare("steady");
    await cache.close();
    store.offer("steady", "2.0");
    expect(wordOf(await prepare("steady"), "steady")).toBe("1.0");
    expect(warnings).toEqual([warning]);
  });

  test("makes an environment that was built usable while the cache with its uploads is away, also after a restart", async () => {
    const bytes = wheel("sent", "word = 'sent'\n");
    const hash = createHash("sha256").update(bytes).digest("hex");
    const key = `my-app/s-1/${hash.slice(0, 16)}.sent-1.0-py3-none-any.whl`;
    await client.put(key, bytes);
    const url = `${cache.endpoint}/${key}#sha256=${hash}`;
    await prepare(url);
    await store.close({ keep: true });
    await cache.close();
    await open();
    expect(wordOf(await prepare(url), "sent")).toBe("sent");
    expect(warnings).toEqual([warning]);
  });

  test("is that of another node where that one was faster", async () => {
    store.offer("agreed", "1.0");
    await prepare("agreed");
    const kept = keptLocks();
    await anotherNode();
    store.offer("agreed", "1.0");
    await prepare("agreed");
    expect(keptLocks()).toEqual(kept);
    expect(kept).toEqual([await read((await locks())[0] ?? "")]);
  });

  test("is found again without an object cache, by sessions of the same day", async () => {
    await store.close({ keep: true });
    await store.open({}, { UV_OFFLINE: "1" }, logger);
    store.offer("alone", "1.0");
    await prepare("alone");
    store.offer("alone", "2.0");
    expect(wordOf(await prepare("alone"), "alone")).toBe("1.0");
    const next = await prepareWith({ packages: ["alone"], since: DAY });
    expect(wordOf(next, "alone")).toBe("2.0");
  });

  test("that is damaged is not used", async () => {
    store.offer("torn", "1.0");
    await prepare("torn");
    for (const path of keptPaths()) writeFileSync(path, readFileSync(path, "utf8").slice(0, -5));
    await cache.close();
    store.offer("torn", "2.0");
    expect(wordOf(await prepare("torn"), "torn")).toBe("2.0");
  });

  test("gives way to the cache, which is asked first", async () => {
    store.offer("asked", "1.0");
    await prepare("asked");
    const [key = ""] = await locks();
    await client.delete(key);
    store.offer("asked", "2.0");
    expect(wordOf(await prepare("asked"), "asked")).toBe("2.0");
  });

  test("is not needed: a node that cannot keep it says so and goes on", async () => {
    writeFileSync(store.home.listLocks, "no folder");
    store.offer("unkept", "1.0");
    expect(wordOf(await prepare("unkept"), "unkept")).toBe("1.0");
    expect(warnings).toContain("a lock was not kept on this node");
  });

  const keptPaths = (): string[] =>
    readdirSync(store.home.listLocks, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  const keptLocks = (): string[] => keptPaths().map((path) => readFileSync(path, "utf8"));
});
