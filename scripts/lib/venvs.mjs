import { rmSync } from "node:fs";
import { join } from "node:path";
import { installByHash } from "./by-hash.mjs";
import { homePaths } from "./paths.mjs";
import { lockedFile, publishedFlamepy, requirementSet } from "./requirements.mjs";
import { run } from "./run.mjs";
import { whenChanged } from "./stamps.mjs";

/** Makes the environments that only the tests need. */
export async function ensureTestVenvs({ root, home, python, uv }) {
  const { venvs, stamps, wheels, logs } = homePaths(home);
  const make = (name, title, set, { inputs = [], then = () => undefined } = {}) => {
    const venv = join(venvs, name);
    return whenChanged({
      folder: stamps,
      name: `venv-${name}`,
      title,
      inputs: [home, python, { path: requirementSet(root, set).path }, ...inputs],
      products: [join(venv, "bin/python")],
      work: async () => {
        rmSync(venv, { recursive: true, force: true });
        const logFile = join(logs, `${name}.log`);
        const env = { UV_PYTHON_DOWNLOADS: "never" };
        await run([uv, "venv", "--python", python.executable, venv], { logFile, env });
        const target = join(venv, "bin/python");
        await installByHash({ uv, python: target, root, file: lockedFile(root, set), logFile });
        await then(target, { logFile, env });
      },
    });
  };
  await make(
    `flamepy-${publishedFlamepy}`,
    `installing the published flamepy ${publishedFlamepy} for the tests`,
    "published",
  );
  const sdk = join(root, "sdk/python");
  const editable = (target, options) => {
    const install = [uv, "pip", "install", "--python", target, "--no-deps"];
    const offline = ["--no-index", "--find-links", wheels];
    return run([...install, ...offline, "--editable", sdk], options);
  };
  await make("sdk-dev", "installing the Python SDK's tools for the tests", "sdk-dev", {
    inputs: [{ path: join(sdk, "pyproject.toml") }],
    then: editable,
  });
}
