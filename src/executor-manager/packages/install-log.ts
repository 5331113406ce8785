import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlameHome } from "../../config/flame-home.ts";
import { FlameError } from "../../model/errors.ts";

/** What one installation did and why it failed, for a person to read. */
export interface InstallLog {
  readonly path: string;
}

/** The logs of installations: one file per application, that of its latest one. */
export class InstallLogs {
  readonly #folder: string;
  readonly #open = new Set<string>();

  constructor(home: FlameHome) {
    this.#folder = join(home.logs, "install");
  }

  /**
   * Does an installation with a log of its own: `APPLICATION.log`, or `APPLICATION.N.log` while the same application has
   * another installation under way.
   * @param facts what the log begins with
   * @throws FlameError of `work`, with the path of the log at its end.
   */
  async with<T>(
    application: string,
    facts: Readonly<Record<string, string>>,
    work: (log: InstallLog) => Promise<T>,
  ): Promise<T> {
    const path = this.#pathFor(application);
    this.#open.add(path);
    try {
      await mkdir(this.#folder, { recursive: true });
      const lines = Object.entries(facts).map(([name, value]) => `# ${name}: ${value}\n`);
      await writeFile(path, lines.join(""));
      const done = await work({ path });
      await appendFile(path, "# done\n");
      return done;
    } catch (thrown) {
      const { code, message } = FlameError.from(thrown);
      // The disk may be full; what went wrong first is what counts.
      await appendFile(path, `# failed: ${message}\n`).catch(() => undefined);
      throw new FlameError(code, `${message}; log: ${path}`, { cause: thrown });
    } finally {
      this.#open.delete(path);
    }
  }

  #pathFor(application: string): string {
    const name = application.replace(/[^A-Za-z0-9._-]/g, "_");
    let path = join(this.#folder, `${name}.log`);
    for (let n = 2; this.#open.has(path); n++) path = join(this.#folder, `${name}.${n}.log`);
    return path;
  }
}
