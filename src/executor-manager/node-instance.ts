import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { bootId, ownPidNamespace } from "../process/process-facts.ts";
import { followsMax } from "../protocol/instance-key.ts";
import type { NodeInstance } from "./backend-client.ts";

/** What the file says about the executor managers of this home that may have registered. */
interface Registered {
  /** In the order of their starts; the last ones may have been killed before the session manager had answered. */
  readonly instances: readonly string[];
  /** Where their processes could be looked for. */
  readonly bootId: string;
  readonly pidNamespace: string;
}

/**
 * Remembers in FLAME_HOME which starts of the executor manager may hold the name of its node, so that the next one may take
 * it at once. Only an executor manager that holds the home's place may use it: then the earlier ones have ended, if they ran
 * on this machine since its last boot and in the same PID namespace. Of another one nobody can tell here whether it lives.
 */
export class NodeInstanceFile {
  readonly #path: string;

  /** @param run `FLAME_HOME/run` */
  constructor(run: string) {
    this.#path = join(run, "node-instance.json");
  }

  /** The instances that may have registered and have ended for sure. */
  async ended(): Promise<readonly string[]> {
    const last = await this.#read();
    const known = last !== undefined && last.bootId !== "" && last.pidNamespace !== "";
    if (!known || last.bootId !== bootId() || last.pidNamespace !== ownPidNamespace()) return [];
    return last.instances;
  }

  /** Before this instance asks for the name: one that is killed before it hears the answer may hold it. */
  async registering({ id, follows }: NodeInstance, logger: Logger): Promise<void> {
    // Who had it first, and those that came last: with a session manager that is away, none of those between has got it.
    const before =
      follows.length < followsMax
        ? follows
        : [...follows.slice(0, 1), ...follows.slice(2 - followsMax)];
    await this.#write([...before, id], logger);
  }

  /** The session manager has accepted this instance: no earlier one holds the name. */
  registered(id: string, logger: Logger): Promise<void> {
    return this.#write([id], logger);
  }

  async #write(instances: readonly string[], logger: Logger): Promise<void> {
    const own: Registered = { instances, bootId: bootId(), pidNamespace: ownPidNamespace() };
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
      const { instances, bootId, pidNamespace } = parsed;
      const whole = [...instances, bootId, pidNamespace].every(
        (value) => typeof value === "string",
      );
      return whole ? parsed : undefined;
    } catch {
      // Absent, or cut short by a crash: as if nobody had registered.
      return undefined;
    }
  }
}
