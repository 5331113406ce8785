import type { Clock, Timer } from "../../kit/clock.ts";
import type { Lines } from "../../protocol/generated/flame/logs/v1/logs.ts";
import type { NodeLogStream } from "./node-log-stream.ts";

/** Whoever wants to know what is printed. */
export interface Follower {
  /** @param node who has the executor */
  printed(lines: Lines, node: string): void;
  notice(sessionId: string, text: string): void;
}

/** What of the cluster matters here. */
export interface LogPlaces {
  /** The nodes that have an executor of the session. */
  nodesOf(sessionId: string): Iterable<string>;
  /** The sessions that the node has an executor of. */
  sessionsOn(node: string): Iterable<string>;
  /** Its executor manager opens a stream of what services print, whether or not there is one now. */
  tellsPrints(node: string): boolean;
  /** The node is there. */
  isReady(node: string): boolean;
}

export interface LiveLogsDeps {
  readonly clock: Clock;
  readonly places: LogPlaces;
  /** The stream of a node; undefined while it has none. */
  readonly find: (node: string) => NodeLogStream | undefined;
}

/** A session that somebody follows. */
interface Followed {
  readonly followers: Set<Follower>;
  /** They were told so. */
  readonly nodes: Set<string>;
}

/** What was printed and does not come within this time is not waited for. */
const syncMs = 2_000;
/** A node that has just come opens its stream within this time. */
const openMs = 2_000;

/** Who follows which session: nodes tell what is printed of those that somebody follows, and of no others. */
export class LiveLogs {
  readonly #deps: LiveLogsDeps;
  readonly #followed = new Map<string, Followed>();
  /** Nodes whose streams are not open yet. */
  readonly #expected = new Map<string, Timer>();

  constructor(deps: LiveLogsDeps) {
    this.#deps = deps;
  }

  begin(sessionId: string, follower: Follower): void {
    const followed = this.#followed.get(sessionId) ?? { followers: new Set(), nodes: new Set() };
    this.#followed.set(sessionId, followed);
    followed.followers.add(follower);
    for (const node of this.#deps.places.nodesOf(sessionId))
      this.#ask(node, sessionId, followed, [follower]);
  }

  /** Resolves when what was printed by now has come, or is not waited for any longer. */
  async synced(sessionId: string): Promise<void> {
    const nodes = this.#followed.get(sessionId)?.nodes ?? [];
    const all = [...nodes].map(async (node) => this.#deps.find(node)?.synced(sessionId));
    if (all.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#deps.clock.after(syncMs, resolve);
      void Promise.all(all).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  end(sessionId: string, follower: Follower): void {
    const followed = this.#followed.get(sessionId);
    if (followed?.followers.delete(follower) !== true || followed.followers.size > 0) return;
    this.#followed.delete(sessionId);
    for (const node of followed.nodes) this.#deps.find(node)?.unfollow(sessionId);
  }

  /** An executor of the node is about to serve the session. */
  bound(node: string, sessionId: string): void {
    const followed = this.#followed.get(sessionId);
    if (followed !== undefined) this.#ask(node, sessionId, followed, followed.followers);
  }

  /** A node has opened its stream. */
  opened(stream: NodeLogStream): void {
    this.#expected.get(stream.node)?.cancel();
    this.#expected.delete(stream.node);
    for (const sessionId of this.#deps.places.sessionsOn(stream.node)) {
      const followed = this.#followed.get(sessionId);
      if (followed !== undefined) this.#ask(stream.node, sessionId, followed, []);
    }
  }

  /** The stream of a node has ended. What is printed until the node opens another one is not told, so followers hear of it. */
  closed(node: string): void {
    this.#tellAway(node);
  }

  came(node: string, lines: readonly Lines[]): void {
    for (const some of lines) {
      const followed = this.#followed.get(some.sessionId);
      // Only a node that was asked has an executor of the session: no other one speaks of it.
      if (followed?.nodes.has(node) !== true) continue;
      for (const follower of followed.followers) follower.printed(some, node);
    }
  }

  #tellAway(node: string): void {
    for (const sessionId of this.#deps.places.sessionsOn(node)) {
      const text = `node ${node} is away for now: what its tasks print until it is back is not told here, and flmctl logs ${sessionId} shows it later`;
      for (const follower of this.#followed.get(sessionId)?.followers ?? [])
        follower.notice(sessionId, text);
    }
  }

  #ask(node: string, sessionId: string, { nodes }: Followed, tell: Iterable<Follower>): void {
    const stream = this.#deps.find(node);
    if (stream !== undefined) {
      nodes.add(node);
      stream.follow(sessionId);
      return;
    }
    if (this.#deps.places.tellsPrints(node)) {
      this.#expect(node);
      return;
    }
    // One that is away comes back, or its executors leave.
    if (!this.#deps.places.isReady(node)) return;
    const text = `node ${node} does not tell what tasks print: its executor manager is older or of another make`;
    for (const follower of tell) follower.notice(sessionId, text);
  }

  /** The node is followed as soon as it has a stream; followers hear of one that takes long. */
  #expect(node: string): void {
    if (this.#expected.has(node)) return;
    const timer = this.#deps.clock.after(openMs, () => {
      this.#expected.delete(node);
      if (this.#deps.find(node) === undefined) this.#tellAway(node);
    });
    this.#expected.set(node, timer);
  }
}
