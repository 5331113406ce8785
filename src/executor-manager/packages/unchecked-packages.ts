import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFile, syncNames } from "../../files/durable.ts";
import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";

/**
 * The packages that nobody has looked at since an executor manager ended without closing its shelf: killed, or by a power cut, it
 * or its services may have left anything.
 */
export class UncheckedPackages {
  readonly #mark: string;
  readonly #names: Set<string>;
  /** Looks under way. */
  readonly #looks = new Map<string, Promise<void>>();

  private constructor(mark: string, names: ReadonlySet<string>) {
    this.#mark = mark;
    this.#names = new Set(names);
  }

  /** @param root the folder of the packages; the mark beside it is there while the shelf is open, and until all are checked */
  static async open(
    root: string,
    names: readonly string[],
    logger: Logger,
  ): Promise<UncheckedPackages> {
    const mark = `${root}.open`;
    const unclean = existsSync(mark);
    if (!unclean) await leave(mark, logger);
    return new UncheckedPackages(mark, new Set(unclean ? names : []));
  }

  /** Has `look` look at a package that was not looked at yet; whoever wants it meanwhile waits. */
  async look(name: string, look: () => Promise<void>): Promise<void> {
    const known = this.#looks.get(name);
    if (known !== undefined) return known;
    if (!this.#names.has(name)) return;
    const looking = look().finally(() => {
      this.#names.delete(name);
      this.#looks.delete(name);
    });
    this.#looks.set(name, looking);
    await looking;
  }

  /** It is no longer there. */
  forget(name: string): void {
    this.#names.delete(name);
  }

  /** What is unchecked now is so at the next start, too. */
  async close(): Promise<void> {
    if (this.#names.size === 0) await rm(this.#mark, { force: true });
  }
}

async function leave(mark: string, logger: Logger): Promise<void> {
  try {
    await writeFile(mark, "");
    await syncFile(mark);
    await syncNames(dirname(mark));
  } catch (thrown) {
    logger.warn(
      { file: mark, error: textOf(thrown) },
      "when this executor manager is killed the next one will not compare packages with what was installed",
    );
  }
}
