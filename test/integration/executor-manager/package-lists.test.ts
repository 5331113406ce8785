import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { ObjectClient } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import type { PackageSource } from "../../../src/executor-manager/packages/package-source.ts";
import type { PreparedPackage } from "../../../src/executor-manager/service-host.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { wheel } from "../../support/wheel.ts";
import { pythonOutput, StoreUnderTest } from "./store-under-test.ts";

jest.setTimeout(60_000);

const HASH = "0".repeat(64);
const DAY = 86_400_000;
let store: StoreUnderTest;

beforeEach(async () => {
  store = new StoreUnderTest();
  await store.open();
});

afterEach(() => store.close());

/** A wheel of one module, `word`, in a folder of wheels of the node. @returns its path */
const offer = (
  name: string,
  version: string,
  requires: readonly string[] = [],
  folder = "home/wheels",
): string =>
  store.put(
    `${folder}/${name}-${version}-py3-none-any.whl`,
    wheel(name, `word = '${version}'\n`, { version, requires }),
  );

const prepareWith = (more: Partial<PackageSource>): Promise<PreparedPackage> =>
  store.prepareList({ since: 1, ...more });
const prepare = (...packages: string[]): Promise<PreparedPackage> => prepareWith({ packages });

const says = ({ variables }: PreparedPackage, module: string): string =>
  pythonOutput(variables, `import ${module}; print(${module}.word)`);

const ours = ["uv", "run", "-n", "flamepy.runpy"];
/** Gives the node an environment of services of its own, of what set-up prepared. @returns where its distributions lie */
function ownEnvironment(): string {
  const prepared = realpathSync(join(store.home.flmrun, ".venv"));
  const [python = ""] = readdirSync(join(prepared, "lib"));
  const inner = join("lib", python, "site-packages");
  const own = join(store.home.root, "work/flmrun/.venv");
  rmSync(join(store.home.root, "work"));
  mkdirSync(join(own, inner), { recursive: true });
  for (const folder of ["", inner])
    for (const name of readdirSync(join(prepared, folder)).filter((each) => each !== "lib"))
      symlinkSync(join(prepared, folder, name), join(own, folder, name));
  return join(own, inner);
}

/** Has uv write down how it is called. @returns what tells that, one call each */
function countUv(): () => string[] {
  const calls = store.put("uv-calls", "");
  const { bin } = store.home;
  const own = realpathSync(join(bin, "uv"));
  rmSync(bin);
  mkdirSync(bin);
  const script = `#!/bin/sh\necho "$1 $2" >> "${calls}"\nexec "${own}" "$@"\n`;
  writeFileSync(join(bin, "uv"), script, { mode: 0o755 });
  return () => readFileSync(calls, "utf8").trim().split("\n");
}

describe("a list of packages, without any network", () => {
  test("is installed from the wheels of the node, with what they require", async () => {
    offer("lower", "1.0");
    offer("upper", "2.0", ["lower>=1", "cloudpickle"]);
    const prepared = await prepare("upper");
    expect([says(prepared, "upper"), says(prepared, "lower")]).toEqual(["2.0", "1.0"]);
    // What services have themselves is not installed beside them.
    expect(readdirSync(prepared.variables.values["FLAME_APP_SITE"] ?? "")).not.toContain(
      "cloudpickle",
    );
    expect(prepared.listed).toBeUndefined();
  });

  test("is installed from the folders of wheels that UV_FIND_LINKS names as well", async () => {
    await store.close();
    store = new StoreUnderTest();
    offer("housed", "3.0", [], "house");
    await store.open({}, { UV_OFFLINE: "1", UV_FIND_LINKS: join(store.path, "house") });
    expect(says(await prepare("housed"), "housed")).toBe("3.0");
  });

  test("may have files of the node, archives of projects among them", async () => {
    const file = offer("filed", "1.5", [], "elsewhere");
    const prepared = await prepare(pathToFileURL(file).href);
    expect(says(prepared, "filed")).toBe("1.5");
  });

  test("of nothing but what services have is there already", async () => {
    const prepared = await prepare("cloudpickle");
    expect(readdirSync(prepared.variables.values["FLAME_APP_SITE"] ?? "")).toEqual([]);
  });

  test("is resolved and built once however many binds want it at once, and again for another list alone", async () => {
    const uvCalls = countUv();
    offer("shared", "1.0");
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, n) => prepareWith({ packages: ["shared"], since: n })),
    );
    expect(new Set(all.map((one) => one.variables.values["FLAME_APP_SITE"])).size).toBe(1);
    expect(uvCalls()).toEqual(["pip compile", "pip install"]);
    expect(store.installed()).toHaveLength(1);
    await prepare("shared==1.0");
    // Another list of the same versions needs a resolution of its own, and no other environment.
    expect(store.installed()).toHaveLength(1);
    offer("other", "1.0");
    await prepare("shared", "other");
    expect(store.installed()).toHaveLength(2);
  });

  test("is resolved for each of two applications that want it at once, which keep a lock each", async () => {
    const uvCalls = countUv();
    offer("shared", "1.0");
    await Promise.all(
      ["one", "two"].map((application) => prepareWith({ application, packages: ["shared"] })),
    );
    expect(uvCalls().filter((call) => call === "pip compile")).toHaveLength(2);
    expect(store.installed()).toHaveLength(1);
  });

  test("is told to our own service, which puts it on its search path itself", async () => {
    offer("told", "1.0");
    const { listed, variables } = await prepareWith({ packages: ["told"], commandLine: ours });
    expect(listed?.failure).toBeUndefined();
    expect(listed?.folders.map((folder) => existsSync(join(folder, "told.py")))).toEqual([true]);
    expect(variables.values["FLAME_APP_SITE"]).toBeUndefined();
  });

  test("comes behind the package of the application", async () => {
    const own = store.put("own.whl", wheel("both", "word = 'own'\n"));
    offer("both", "9.0");
    offer("beside", "1.0");
    const url = pathToFileURL(own).href;
    const prepared = await prepareWith({ packages: ["both", "beside"], url });
    expect([says(prepared, "both"), says(prepared, "beside")]).toEqual(["own", "1.0"]);
  });
});

describe("an environment of a list, when what services have changes", () => {
  test.each([
    ["is kept over an upgrade of flamepy", "flamepy", 0],
    ["is made anew beside another version of anything else", "pyyaml", 1],
  ])("%s", async (_name, distribution, anew) => {
    const site = ownEnvironment();
    offer("steady", "1.0");
    await prepare("steady");
    await store.close({ keep: true });
    const before = readdirSync(site).find((name) => name.startsWith(`${distribution}-`)) ?? "";
    renameSync(join(site, before), join(site, `${distribution}-99.0.dist-info`));
    await store.open();
    const calls = countUv();
    await prepare("steady");
    expect(store.installed()).toHaveLength(1 + anew);
    // Without an object cache there is no lock to be found again.
    expect(calls()).toEqual(["pip compile", ...Array.from({ length: anew }, () => "pip install")]);
  });
});

describe("a list that is wrong", () => {
  const cases: readonly (readonly [string, () => string[], RegExp])[] = [
    [
      "a requirement that nothing meets",
      () => ["surely-not-here>=3"],
      /packages "surely-not-here>=3": ".*uv pip compile" ended with exit code 1: [\s\S]*surely-not-here[\s\S]*; log: /,
    ],
    ["what is no requirement", () => ["numpy>>2"], /uv pip compile" ended with [\s\S]*numpy>>2/],
    [
      "another version of what services have",
      () => ["cloudpickle<1"],
      /cloudpickle<1[\s\S]*\(flamepy and what it uses have the versions of ".*\.venv"\)/,
    ],
    [
      "two that exclude each other",
      () => (offer("one", "1.0"), ["one==1.0", "one>1"]),
      /No solution found[\s\S]*one==1\.0[\s\S]*one>1/,
    ],
    [
      "a file that this node has not",
      () => ["file:///nowhere/x-1.0-py3-none-any.whl"],
      /package "file:\/\/\/nowhere\/x-1\.0-py3-none-any\.whl": there is no such file on this node/,
    ],
    [
      "a file that is neither wheel nor archive",
      () => [pathToFileURL(store.put("x.txt", "x")).href],
      /x\.txt": expected a wheel \(\.whl\) or an archive \(\.tar\.gz, \.tgz, \.zip\)/,
    ],
    [
      "a file of another content than its hash says",
      () => [`${pathToFileURL(offer("pinned", "1.0")).href}#sha256=${HASH}`],
      /pinned-1\.0-py3-none-any\.whl#sha256=0{64}": its content has sha256 [0-9a-f]{64}/,
    ],
    [
      "a wheel that is none",
      () => [pathToFileURL(store.put("broken-1.0-py3-none-any.whl", "no zip")).href],
      /is no wheel/,
    ],
    [
      "an entry that was never to come here",
      () => ["-e ./x"],
      /packages\[0\]: got "-e \.\/x", expected a requirement/,
    ],
  ];

  test.each(cases)("fails a bind with %s", async (_name, list, words) => {
    const refused = prepare(...list());
    await expect(refused).rejects.toThrow(words);
    await expect(refused).rejects.toThrow(/^packages?( "|\[0\])/);
    expect(store.installed()).toEqual([]);
  });

  test.each(cases)(
    "is told to our own service, for its tasks to fail with: %s",
    async (_name, list, words) => {
      const prepared = await prepareWith({ packages: list(), commandLine: ours });
      expect(prepared.listed).toMatchObject({ folders: [], failure: expect.stringMatching(words) });
    },
  );

  test("is not for services with installer binary", async () => {
    await expect(prepareWith({ packages: ["six"], installer: "binary" })).rejects.toThrow(
      'packages need installer python, and application "my-app" has installer binary',
    );
  });

  test("is looked at anew by the next bind", async () => {
    await expect(prepare("late")).rejects.toThrow("late");
    offer("late", "1.0");
    expect(says(await prepare("late"), "late")).toBe("1.0");
  });
});

describe("the lock of a list in the object cache", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let cache: RunningObjectCache;
  let client: ObjectClient;
  let warnings: string[];

  const logger = { ...silentLogger, warn: (_fields: unknown, text: string) => warnings.push(text) };
  const open = (): Promise<void> =>
    store.open({ cache: { endpoint: cache.endpoint } }, { UV_OFFLINE: "1" }, logger);
  const locks = async (): Promise<string[]> =>
    (await client.list()).map(({ key }) => key).filter((key) => key.endsWith("/lock"));
  const read = async (key: string): Promise<string> =>
    (await client.get({ endpoint: cache.endpoint, key, version: 0 })).toString();
  /** A node without anything that was installed before. */
  async function anotherNode(): Promise<void> {
    await store.close();
    store = new StoreUnderTest();
    await open();
  }

  beforeEach(async () => {
    warnings = [];
    folder = temporaryFolder("lock-cache");
    const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
    cache = await startObjectCache({ config, logger: silentLogger, port: 0 });
    client = new ObjectClient({ endpoint: cache.endpoint });
    await anotherNode();
  });

  afterEach(async () => {
    client.close();
    await cache.close();
    folder.remove();
  });

  test("is what other nodes install, whatever they would find by themselves", async () => {
    offer("locked", "1.0");
    expect(says(await prepare("locked"), "locked")).toBe("1.0");
    const [key = ""] = await locks();
    expect(key).toMatch(/^my-app\/lock-[0-9a-f]{40}\/lock$/);
    const lock = "locked==1.0\n";
    const hash = createHash("sha256").update(lock).digest("hex");
    expect(await read(key)).toBe(`# sha256: ${hash}\n${lock}`);
    await anotherNode();
    offer("locked", "1.0");
    offer("locked", "2.0");
    expect(says(await prepare("locked"), "locked")).toBe("1.0");
    expect(await locks()).toEqual([key]);
  });

  test("is another one for sessions of another day, which find newer versions", async () => {
    offer("daily", "1.0");
    await prepareWith({ packages: ["daily"], since: DAY - 1 });
    offer("daily", "2.0");
    const next = await prepareWith({ packages: ["daily"], since: DAY });
    const before = await prepareWith({ packages: ["daily"], since: 0 });
    expect([says(before, "daily"), says(next, "daily")]).toEqual(["1.0", "2.0"]);
    expect(await locks()).toHaveLength(2);
  });

  test("that names what this node cannot get is told as it is", async () => {
    offer("gone", "1.0");
    await prepare("gone");
    await anotherNode();
    offer("gone", "2.0");
    await expect(prepare("gone")).rejects.toThrow(/uv pip install" ended with [\s\S]*gone==1\.0/);
  });

  test.each([
    ["is damaged", (lock: string) => lock.replace("==1.0", "==9.9")],
    ["has lost its head", (lock: string) => lock.slice(lock.indexOf("\n") + 1)],
  ])("that %s is made anew, and replaced", async (_name, damage) => {
    offer("mended", "1.0");
    await prepare("mended");
    const [key = ""] = await locks();
    const whole = await read(key);
    await client.put(key, Buffer.from(damage(whole)));
    expect(says(await prepare("mended"), "mended")).toBe("1.0");
    expect(await read(key)).toBe(whole);
    expect(warnings).toContain("the lock of a list is damaged: the list is resolved anew");
  });

  test("that is missing by now is made anew", async () => {
    offer("removed", "1.0");
    await prepare("removed");
    const [key = ""] = await locks();
    await client.delete(key);
    expect(says(await prepare("removed"), "removed")).toBe("1.0");
    expect(await locks()).toEqual([key]);
    expect(warnings).toEqual([]);
  });

  test("is done without while the object cache is away, which is logged", async () => {
    offer("alone", "1.0");
    await cache.close();
    expect(says(await prepare("alone"), "alone")).toBe("1.0");
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
    for (const url of urls) expect(says(await prepare(url), "sent")).toBe("sent");
    expect([(await locks()).length, store.installed().length]).toEqual([1, 1]);
    await client.put(`my-app/s-1/${hash.slice(0, 16)}.sent-1.0-py3-none-any.whl`, Buffer.from("x"));
    await anotherNode();
    await expect(prepare(urls[0] ?? "")).rejects.toThrow(
      new RegExp(`its content has sha256 [0-9a-f]{64}, expected ${hash}`),
    );
  });
});
