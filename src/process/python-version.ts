import { access, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The version of a Python virtual environment, such as `3.12.1`; undefined when there is none in the folder. */
export async function pythonVersionOf(folder: string): Promise<string | undefined> {
  try {
    await access(join(folder, "bin", "python"));
    const text = await readFile(join(folder, "pyvenv.cfg"), "utf8");
    // uv writes version_info, the standard library's venv writes version.
    return /^version(?:_info)?\s*=\s*(\d+\.\d+\.\d+)/m.exec(text)?.[1];
  } catch {
    return undefined;
  }
}
