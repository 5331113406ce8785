import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { wheel } from "../../support/wheel.ts";
import { WheelIndex } from "../../support/wheel-index.ts";
import { pythonOutput, StoreUnderTest } from "./store-under-test.ts";

jest.setTimeout(60_000);

/** A build backend: whatever it builds has the one module `built`. */
const BACKEND = `
import zipfile
def build_wheel(folder, settings=None, metadata=None):
    with zipfile.ZipFile(folder + "/built-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("built.py", "by = __name__")
        wheel.writestr("built-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: built\\nVersion: 1.0\\n")
        wheel.writestr("built-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("built-1.0.dist-info/RECORD", "")
    return "built-1.0-py3-none-any.whl"
`;

let store: StoreUnderTest;
let index: WheelIndex;

const fileName = (name: string, version: string): string => `${name}-${version}-py3-none-any.whl`;

beforeEach(async () => {
  store = new StoreUnderTest();
  index = await WheelIndex.start();
});

afterEach(async () => {
  await store.close();
  await index.stop();
});

const open = (): Promise<void> => store.open({}, index.environment);

/** Puts a version of a distribution with one module of its name on the node, and another on the index. */
function offer(name: string, onNode: string, elsewhere: string, module = "word = 'it'\n"): void {
  const make = (version: string): Buffer => wheel(name, module, { version });
  store.put(`home/wheels/${fileName(name, onNode)}`, make(onNode));
  index.files.set(fileName(name, elsewhere), make(elsewhere));
}

describe("what the node has in another version than a package asks for", () => {
  test.each([
    ["older", "needed<2"],
    ["another exact one", "needed==1.5"],
    ["none of the newer ones", "needed!=2.0"],
  ])("comes from the index: %s", async (_name, requirement) => {
    offer("needed", "2.0", "1.5");
    await open();
    const path = store.put("my-app.whl", wheel("greet", "", { requires: [requirement] }));
    const { variables } = await store.prepare(path);
    const code = "import importlib.metadata as m; print(m.version('needed'))";
    expect(pythonOutput(variables, code)).toBe("1.5");
  });

  test("comes from the index also for a build", async () => {
    offer("builder", "2.0", "1.5", BACKEND);
    await open();
    const pyproject = store.put(
      "project/pyproject.toml",
      '[build-system]\nrequires = ["builder<2"]\nbuild-backend = "builder"\n',
    );
    const { variables } = await store.prepare(join(pyproject, ".."));
    expect(pythonOutput(variables, "import built; print(built.by)")).toBe("built");
  });

  test("is not blamed on what services have; both places are told when the index has it neither", async () => {
    offer("needed", "2.0", "1.5");
    await open();
    const path = store.put("my-app.whl", wheel("greet", "", { requires: ["needed<1"] }));
    const refused = store.prepare(path);
    await expect(refused).rejects.toThrow(/only needed>=1\.5 is available[\s\S]*needed<1/);
    await expect(refused).rejects.not.toThrow("flamepy and what it uses have the versions");
  });

  test("is told with what the node has when the index cannot be reached", async () => {
    offer("needed", "2.0", "1.5");
    await open();
    await index.stop();
    const path = store.put("my-app.whl", wheel("greet", "", { requires: ["needed<2"] }));
    await expect(store.prepare(path)).rejects.toThrow(
      /Failed to fetch[\s\S]*; from the wheels of this node alone: [\s\S]*only needed==2\.0 is available/,
    );
  });
});

describe("a list of packages", () => {
  const prepare = (since = 1) => store.prepareList({ packages: ["needed"], since });
  const version = async (prepared = prepare()): Promise<string> =>
    pythonOutput(
      (await prepared).variables,
      "import importlib.metadata as m; print(m.version('needed'))",
    );

  test("comes from the index, and from the cache of uv when that is away", async () => {
    index.files.set(fileName("needed", "1.5"), wheel("needed", "", { version: "1.5" }));
    await open();
    expect(await version()).toBe("1.5");
    const [environment = ""] = store.installed();
    await store.close({ keep: true });
    rmSync(join(store.home.packages, environment), { recursive: true });
    await index.stop();
    await open();
    expect(await version(prepare(2))).toBe("1.5");
    expect(store.installed()).toEqual([environment]);
  });

  test("that needs the index is told within seconds when that is away", async () => {
    await open();
    await index.stop();
    await expect(prepare()).rejects.toThrow(
      /^packages "needed": ".*uv pip compile" ended with exit code \d: [\s\S]*Failed to fetch/,
    );
  });
});
