import type { SourceFaults } from "../../application-registry/source-faults.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import type { ClaimFault } from "../../manifest-directory/claims.ts";

/** What the directory has told about its files, in the log and where `view app` and `list app` look. */
export class FaultBoard {
  readonly #deps: {
    readonly faults: SourceFaults;
    readonly logger: Logger;
    readonly clock: Clock;
  };
  #told = new Map<string, ClaimFault>();

  constructor(deps: {
    readonly faults: SourceFaults;
    readonly logger: Logger;
    readonly clock: Clock;
  }) {
    this.#deps = deps;
  }

  /** These are the faults now, all of them. A fault that was told already is not told again. */
  show(faults: readonly ClaimFault[]): void {
    const { faults: board, clock } = this.#deps;
    const now = new Map(faults.map((fault) => [faultKey(fault), fault]));
    const fresh: ClaimFault[] = [];
    for (const [key, fault] of now) {
      const { name, path, reason } = fault;
      if (this.#told.get(key)?.reason !== reason) fresh.push(fault);
      board.report(name, { source: path, reason, time: clock.now() });
    }
    const over = [...this.#told].filter(([key]) => !now.has(key)).map(([, fault]) => fault);
    for (const { name, path } of over) board.clear(name, path);
    this.#told = now;
    this.#log(fresh, over);
  }

  /** One line for each file, however many applications it concerns. */
  #log(fresh: readonly ClaimFault[], over: readonly ClaimFault[]): void {
    const { logger } = this.#deps;
    const atFault = new Set([...this.#told.values()].map(({ path }) => path));
    for (const [line, names] of byLine(fresh)) {
      const stay = names.length === 0 ? "" : ` (${names.join(", ")}: as last good)`;
      logger.warn({ applications: names }, `${line}${stay}`);
    }
    for (const path of new Set(over.map((fault) => fault.path))) {
      if (!atFault.has(path)) logger.info({ file: path }, `${path}: in order again, or gone`);
    }
  }
}

export function faultKey({ name, path }: Pick<ClaimFault, "name" | "path">): string {
  return JSON.stringify([name, path]);
}

function byLine(faults: readonly ClaimFault[]): ReadonlyMap<string, readonly string[]> {
  const lines = new Map<string, string[]>();
  for (const { name, path, reason } of faults) {
    const separator = /^\d/.test(reason) ? ":" : ": ";
    const line = `${path}${separator}${reason}`;
    const names = lines.get(line) ?? [];
    if (name !== "") names.push(name);
    lines.set(line, names);
  }
  return lines;
}
