import { rmSync } from "node:fs";
import { join } from "node:path";
import { homePaths } from "./paths.mjs";
import { run } from "./run.mjs";
import { whenChanged } from "./stamps.mjs";

/** The published client that the tests prove us against. */
export const publishedFlamepy = "0.6.0";

/** Makes the environments that only the tests need. */
export async function ensureTestVenvs({ root, home, python, uv }) {
  const { venvs, stamps, wheels, logs } = homePaths(home);
  const make = (name, title, inputs, requirements) => {
    const venv = join(venvs, name);
    return whenChanged({
      folder: stamps,
      name: `venv-${name}`,
      title,
      inputs: [home, python, requirements, ...inputs],
      products: [join(venv, "bin/python")],
      work: async () => {
        rmSync(venv, { recursive: true, force: true });
        const logFile = join(logs, `${name}.log`);
        const env = { UV_PYTHON_DOWNLOADS: "never", UV_FIND_LINKS: wheels };
        await run([uv, "venv", "--python", python.executable, venv], { logFile, env });
        const target = ["--python", join(venv, "bin/python")];
        await run([uv, "pip", "install", ...target, ...requirements], { logFile, env });
      },
    });
  };
  await make(
    `flamepy-${publishedFlamepy}`,
    `installing the published flamepy ${publishedFlamepy} for the tests`,
    [],
    [`flamepy==${publishedFlamepy}`],
  );
  const sdk = join(root, "sdk/python");
  await make(
    "sdk-dev",
    "installing the Python SDK's tools for the tests",
    [{ path: join(sdk, "pyproject.toml") }],
    ["--editable", `${sdk}[dev,proto]`],
  );
}
