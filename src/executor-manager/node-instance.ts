import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { bootId, ownPidNamespace } from "../process/process-facts.ts";

/** What the file says about the executor manager that registered last from this home. */
interface Registered {
  readonly instance: string;
  /** Where its process could be looked for. */
  readonly bootId: string;
  readonly pidNamespace: string;
}

/**
 * Remembers in FLAME_HOME which start of the executor manager registered its node, so that the next one may take the node at
 * once. Only an executor manager that holds the home's place may use it: then the earlier one has ended, if it ran on this
 * machine since its last boot and in the same PID namespace. Of another one nobody can tell here whether it lives.
 */
export class NodeInstanceFile {
  readonly #path: string;

  /** @param run `FLAME_HOME/run` */
  constructor(run: string) {
    this.#path = join(run, "node-instance.json");
  }

  /** The instance that registered last and has ended for sure; undefined when there is none. */
  async ended(): Promise<string | undefined> {
    const last = await this.#read();
    const known = last !== undefined && last.bootId !== "" && last.pidNamespace !== "";
    if (!known || last.bootId !== bootId() || last.pidNamespace !== ownPidNamespace()) return;
    return last.instance;
  }

  /** This start, and the one before it when that has ended. @param id random */
  async next(id: string): Promise<{ readonly id: string; readonly follows?: string }> {
    const follows = await this.ended();
    return { id, ...(follows !== undefined && { follows }) };
  }

  /** The session manager has accepted this instance. */
  async registered(instance: string, logger: Logger): Promise<void> {
    const own: Registered = { instance, bootId: bootId(), pidNamespace: ownPidNamespace() };
    const temporary = `${this.#path}.tmp`;
    try {
      await mkdir(join(this.#path, ".."), { recursive: true });
      await writeFile(temporary, `${JSON.stringify(own)}\n`);
      await rename(temporary, this.#path);
    } catch (thrown) {
      logger.warn(
        { file: this.#path, error: textOf(thrown) },
        "after a kill the next executor manager of this home will wait until this one counts as silent",
      );
    }
  }

  async #read(): Promise<Registered | undefined> {
    try {
      const parsed = JSON.parse(await readFile(this.#path, "utf8")) as Registered;
      const { instance, bootId, pidNamespace } = parsed;
      const whole = [instance, bootId, pidNamespace].every((value) => typeof value === "string");
      return whole ? parsed : undefined;
    } catch {
      // Absent, or cut short by a crash: as if nobody had registered.
      return undefined;
    }
  }
}
