import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { flameHomeAt } from "../../../src/config/flame-home.ts";
import type { PackageSource } from "../../../src/executor-manager/packages/package-source.ts";
import { pythonVariables } from "../../../src/executor-manager/packages/package-variables.ts";
import {
  findPythonEnvironment,
  type PythonEnvironment,
} from "../../../src/executor-manager/packages/python-environment.ts";
import { preparedHome } from "../../support/python.ts";
import { temporaryFolder } from "../../support/temp.ts";

const home = flameHomeAt(preparedHome);
const source: PackageSource = {
  application: "my-app",
  url: undefined,
  installer: "python",
  environments: {},
  packages: [],
  since: undefined,
  commandLine: ["python", "-m", "mine"],
};
let folder: ReturnType<typeof temporaryFolder>;
let deps: string;
let environment: PythonEnvironment;

beforeEach(async () => {
  environment = await findPythonEnvironment(home, undefined);
  folder = temporaryFolder("variables");
  deps = join(folder.path, "deps");
  mkdirSync(deps);
  writeFileSync(join(deps, "greet.py"), "word = 'found'\n");
  writeFileSync(join(deps, "enum.py"), "raise SystemExit('taken from the package')\n");
});
afterEach(() => folder.remove());

describe("a package", () => {
  const code = "import enum, greet; print(greet.word, enum.__file__)";

  test.each([
    ["", code],
    ["'s child", `import subprocess, sys; subprocess.run([sys.executable, "-c", "${code}"])`],
  ])("hides nothing of the standard library from a service of its own%s", async (_, program) => {
    const { paths, values } = await pythonVariables(home, environment, source, {
      deps,
      src: undefined,
    });
    const { FLAME_APP_SITE } = values;
    const env = { PYTHONPATH: paths["PYTHONPATH"]?.join(":"), FLAME_APP_SITE };
    expect(
      execFileSync(environment.interpreter, ["-c", program], { env, encoding: "utf8" }),
    ).toMatch(/^found .*\/lib\/python3\.\d+\/enum\.py\n$/);
  });

  test("is named itself where the environment's flamepy cannot put it behind the rest", async () => {
    const other = { ...environment, folder: folder.path };
    const { paths } = await pythonVariables(home, other, source, { deps, src: undefined });
    expect(paths["PYTHONPATH"]).toEqual([deps]);
  });

  test("that is none adds no folder", async () => {
    const { paths, values } = await pythonVariables(home, environment, source, undefined);
    expect(paths["PYTHONPATH"]).toEqual([]);
    expect(values).not.toHaveProperty("FLAME_APP_SITE");
  });
});
