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
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { PackageSource } from "../../../src/executor-manager/packages/package-source.ts";
import type { PreparedPackage } from "../../../src/executor-manager/service-host.ts";
import { wheel } from "../../support/wheel.ts";
import { StoreUnderTest, wordOf } from "./store-under-test.ts";

jest.setTimeout(60_000);

const HASH = "0".repeat(64);
let store: StoreUnderTest;

beforeEach(async () => {
  store = new StoreUnderTest();
  await store.open();
});

afterEach(() => store.close());

const offer: StoreUnderTest["offer"] = (...wheel) => store.offer(...wheel);
const prepareWith = (more: Partial<PackageSource>): Promise<PreparedPackage> =>
  store.prepareList({ since: 1, ...more });
const prepare = (...packages: string[]): Promise<PreparedPackage> => prepareWith({ packages });

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
    expect([wordOf(prepared, "upper"), wordOf(prepared, "lower")]).toEqual(["2.0", "1.0"]);
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
    expect(wordOf(await prepare("housed"), "housed")).toBe("3.0");
  });

  test("may have files of the node, archives of projects among them", async () => {
    const file = offer("filed", "1.5", [], "elsewhere");
    const prepared = await prepare(pathToFileURL(file).href);
    expect(wordOf(prepared, "filed")).toBe("1.5");
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
    expect([wordOf(prepared, "both"), wordOf(prepared, "beside")]).toEqual(["own", "1.0"]);
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
    // Without an object cache the lock of this node counts.
    expect(calls()).toEqual(anew === 0 ? [""] : ["pip compile", "pip install"]);
  });
});

describe("urls in a list of packages", () => {
  const served = wheel("served", "word = 'from the web'\n", { version: "1.0" });
  const sha256 = createHash("sha256").update(served).digest("hex");
  let server: Server;
  let url: string;

  beforeEach(async () => {
    server = createServer((_, response) => response.end(served));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    url = `http://127.0.0.1:${port}/a/served-1.0-py3-none-any.whl`;
    await store.close();
    store = new StoreUnderTest();
    // A cache of its own: what another port gave is not to be had.
    await store.open({}, { UV_CACHE_DIR: join(store.path, "uv-cache") });
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });

  test.each([
    ["alone", () => url],
    ["with a name", () => `served @ ${url}`],
    ["with a name, without blanks", () => `served@${url}`],
    ["with a hash and a marker", () => `${url}?v=1#sha256=${sha256} ; python_version > '3'`],
  ])("are fetched by the node: %s", async (_name, entry) => {
    expect(wordOf(await prepare(entry()), "served")).toBe("from the web");
  });

  test("of other content than their hash says install nothing", async () => {
    await expect(prepare(`served @ ${url}#sha256=${HASH}`)).rejects.toThrow(/Hash mismatch/);
    expect(store.installed()).toEqual([]);
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
    expect(wordOf(await prepare("late"), "late")).toBe("1.0");
  });
});
