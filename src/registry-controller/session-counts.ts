import type { FlameClient } from "../client/index.ts";
import { FlameError } from "../model/errors.ts";

/** How many sessions each application has open, asked once and only when somebody wants to know. */
export class SessionCounts {
  readonly #cluster: Pick<FlameClient, "listSessions">;
  #counts: Promise<ReadonlyMap<string, number>> | undefined;

  constructor(cluster: Pick<FlameClient, "listSessions">) {
    this.#cluster = cluster;
  }

  async of(application: string): Promise<number> {
    this.#counts ??= this.#ask();
    return (await this.#counts).get(application) ?? 0;
  }

  async #ask(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    try {
      for (const { application, state } of await this.#cluster.listSessions()) {
        if (state === "Open") counts.set(application, (counts.get(application) ?? 0) + 1);
      }
    } catch (thrown) {
      // Whoever serves the calls of applications alone refuses for open sessions itself.
      if (FlameError.from(thrown).code !== "unimplemented") throw thrown;
    }
    return counts;
  }
}
