import type { CancelReply, CancelRequest } from "../../src/core/cancel-request.ts";
import type { CallKind, CommandTable, Reply } from "../../src/core/commands.ts";
import { internalCaller } from "../../src/model/caller.ts";
import { FlameError } from "../../src/model/errors.ts";
import type { SessionRequest } from "../../src/model/session.ts";
import type { CallResult, Link } from "./network.ts";
import { pause, type Script } from "./script.ts";
import { Violation, type World } from "./world.ts";

/** What a client calls beside its tasks, as steps of scripts: each is repeated until there is an answer or a refusal. */
export class SessionCalls {
  readonly #world: World;
  readonly #link: Link;

  constructor(world: World, link: Link) {
    this.#world = world;
    this.#link = link;
  }

  *make(plan: {
    readonly id: string;
    readonly request: SessionRequest;
    readonly byOpen: boolean;
  }): Script {
    const { id, request } = plan;
    const made = yield* this.call(plan.byOpen ? "session.open" : "session.create", {
      id,
      request,
      caller: internalCaller,
    });
    // The reply of the first try was lost.
    if (made instanceof FlameError && made.code !== "already_exists")
      throw new Violation(`session ${id} was refused: ${made.message}`);
  }

  *cancel(
    what: Pick<CancelRequest, "sessionId" | "taskIds"> & Partial<CancelRequest>,
  ): Script<CancelReply | undefined> {
    const request = { pendingOnly: false, close: false, caller: internalCaller, ...what };
    const reply = yield* this.call("session.cancel", request);
    if (!(reply instanceof FlameError)) return reply;
    if (reply.code !== "not_found") throw new Violation(`a cancel was refused: ${reply.message}`);
    return undefined;
  }

  *close({ id, deleteAfter }: { readonly id: string; readonly deleteAfter: boolean }): Script {
    for (;;) {
      const closed = yield* this.call("session.close", { id });
      if (!(closed instanceof FlameError) || closed.code === "not_found") break;
      if (closed.code !== "internal")
        throw new Violation(`CloseSession was refused: ${closed.message}`);
      yield* pause(this.#world, this.#world.random.between(100, 2_000));
    }
    if (!deleteAfter) return;
    yield* pause(this.#world, this.#world.random.skewed(1, 5_000));
    const deleted = yield* this.call("session.delete", { id });
    if (deleted instanceof FlameError && deleted.code !== "not_found")
      throw new Violation(`DeleteSession was refused: ${deleted.message}`);
  }

  *allEnded(id: string): Script {
    for (;;) {
      const session = yield* this.call("session.get", { id });
      if (session instanceof FlameError) return;
      if (session.counts.pending + session.counts.running === 0) return;
      yield* pause(this.#world, 1_000);
    }
  }

  *call<K extends CallKind>(
    kind: K,
    input: CommandTable[K]["input"],
  ): Script<Reply<K> | FlameError> {
    for (;;) {
      const result: CallResult<K> = yield* this.#link.ask(kind, input);
      if (result.kind === "ok") return result.value;
      if (result.kind === "refused") return result.error;
      yield* pause(this.#world, this.#world.random.between(50, 1_000));
    }
  }
}
