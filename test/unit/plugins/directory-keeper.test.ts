import { beforeEach, describe, expect, it } from "@jest/globals";
import { Admission } from "../../../src/application-registry/admission.ts";
import { ApplicationBook, type RegistryHost } from "../../../src/application-registry/index.ts";
import { SourceFaults } from "../../../src/application-registry/source-faults.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { readManifests } from "../../../src/manifest/manifest.ts";
import type { DirectoryLook } from "../../../src/manifest-directory/directory-reader.ts";
import { manifestFile } from "../../../src/manifest-directory/manifest-file.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { DirectoryKeeper } from "../../../src/plugins/application-directory/directory-keeper.ts";
import { bookRegistry } from "../../support/book-registry.ts";

const FOLDER = "/conf";
const one = (name: string, command = "x"): string =>
  `metadata: { name: ${name} }\nspec: { command: ${command} }\n`;

let book: ApplicationBook;
let faults: SourceFaults;
let now: number;
let applies: number;
beforeEach(() => {
  book = new ApplicationBook([]);
  faults = new SourceFaults();
  now = 1_000_000;
  applies = 0;
});

function keeper(more: Partial<RegistryHost> = {}): DirectoryKeeper {
  const registry = bookRegistry(() => book);
  const applications: RegistryHost = {
    ...registry,
    apply: (...args) => {
      applies += 1;
      return registry.apply(...args);
    },
    ...more,
  };
  const host = {
    applications,
    admission: new Admission({ allowedSchemes: [] }),
    faults,
    logger: silentLogger,
    clock: { now: () => now, steady: () => now, after: () => ({ cancel: () => undefined }) },
  };
  return new DirectoryKeeper({ host, folder: FOLDER });
}

async function look(files: Record<string, string>): Promise<DirectoryLook> {
  const read = await Promise.all(
    Object.entries(files).map(([name, text]) =>
      manifestFile(`${FOLDER}/${name}`, Buffer.from(text), async (it) => readManifests(it)),
    ),
  );
  const byPath = new Map(read.map((file) => [file.path, file]));
  return { folder: "present", files: byPath, unsettled: false, linkedFolders: [] };
}
const names = (): string[] => book.list().map(({ name }) => name);

describe("what the directory does with what it sees", () => {
  it("goes on to tell a fault of the first look, however soon the second one comes", async () => {
    const keeping = keeper();
    const broken = await look({ "c.yaml": "metadata: { name: c }\nspec: { comand: x }\n" });
    await keeping.act(broken);
    expect(faults.names()).toEqual(["c"]);
    now += 1;
    await keeping.act(broken);
    expect(faults.names()).toEqual(["c"]);
  });

  it("removes what no file speaks of when that has been so for 0.3 s, not before", async () => {
    const directory = keeper();
    await directory.act(await look({ "a.yaml": one("a"), "b.yaml": one("b") }));
    const without = await look({ "a.yaml": one("a") });
    expect(await directory.act(without)).toBe(300);
    now += 299;
    expect(await directory.act(without)).toBe(1);
    expect(names()).toEqual(["a", "b"]);
    now += 1;
    expect(await directory.act(without)).toBeUndefined();
    expect(names()).toEqual(["a"]);
  });

  it("forgets a removal that was over in a moment, and one that comes later waits anew", async () => {
    const directory = keeper();
    const whole = await look({ "a.yaml": one("a") });
    await directory.act(whole);
    await directory.act(await look({}));
    now += 200;
    await directory.act(whole);
    now += 200;
    expect(await directory.act(await look({}))).toBe(300);
    expect(names()).toEqual(["a"]);
    expect(book.get("a").revision).toBe(1);
  });

  it("tells a fault when it has been there for 0.3 s, at the start at once", async () => {
    const broken = await look({ "a.yaml": "metadata: { name: a }\nspec: { comand: x }\n" });
    await keeper().act(broken);
    expect(faults.of("a")).toMatchObject([{ source: "/conf/a.yaml", time: now }]);

    faults = new SourceFaults();
    const directory = keeper();
    await directory.act(await look({ "a.yaml": one("a") }));
    await directory.act(broken);
    expect(faults.names()).toEqual([]);
    now += 300;
    await directory.act(broken);
    expect(faults.names()).toEqual(["a"]);
    await directory.act(await look({ "a.yaml": one("a") }));
    expect(faults.names()).toEqual([]);
  });

  it("applies all files of one look in one step, and none that it has applied already", async () => {
    const directory = keeper();
    const files = Object.fromEntries(
      Array.from({ length: 50 }, (_one, index) => [`f${index}.yaml`, one(`f${index}`)]),
    );
    const first = await look({ ...files, "bad.yaml": "{" });
    await directory.act(first);
    expect([names().length, applies]).toEqual([50, 1]);
    await directory.act(first);
    expect(applies).toBe(1);
    book.apply([{ ...book.get("f0"), manifest: { command: "forced" }, force: true }], {}, 1);
    await directory.act(first);
    expect([applies, book.get("f0").manifest.command]).toEqual([1, "forced"]);
  });

  it("does not let one that the registry refuses as a whole hold up the others", async () => {
    const registry = bookRegistry(() => book);
    const directory = keeper({
      apply: async (applications, options) => {
        if (applications.some(({ name }) => name === "b")) {
          throw new FlameError("resource_exhausted", "one too many");
        }
        return registry.apply(applications, options);
      },
    });
    await directory.act(await look({ "x.yaml": `${one("a")}---\n${one("b")}---\n${one("c")}` }));
    expect(names()).toEqual(["a", "c"]);
    expect(faults.of("b")).toMatchObject([{ reason: "one too many" }]);
  });

  it("tries again in a second what could not be removed just then", async () => {
    const registry = bookRegistry(() => book);
    let fail = true;
    const directory = keeper({
      remove: async (input) => {
        if (fail) throw new FlameError("aborted", "changed meanwhile");
        return registry.remove(input);
      },
    });
    await directory.act(await look({ "a.yaml": one("a") }));
    const empty = await look({});
    await directory.act(empty);
    now += 300;
    expect(await directory.act(empty)).toBe(1000);
    fail = false;
    await directory.act(empty);
    expect(names()).toEqual([]);
  });
});
