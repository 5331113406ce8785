import type { ExecutorEntry } from "../executors/executor-book.ts";
import { type NodeEntry, speakerFrom, speakerOf } from "../executors/node-book.ts";
import type { Token } from "../kit/turn.ts";
import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { ReportedExecutor } from "../model/node.ts";
import { noResources } from "../model/resources.ts";
import { dropExecutor } from "./executor-commands.ts";
import { handOut, heardOf } from "./hand-out.ts";
import { type Handlers, waits } from "./handler.ts";
import { placeAll } from "./local-queues.ts";
import { isForeign, refuseForeign } from "./node-callers.ts";
import { isOfAnother, refuseStranger, refuseTaker } from "./node-owners.ts";
import type { CoreState } from "./state.ts";
import { dropWork } from "./work-commands.ts";

/** Nodes: registration, the stream that keeps them Ready, and what happens when it ends (docs/protocol.md, "Nodes"). */
export const nodeHandlers: Handlers<
  | "node.list"
  | "node.get"
  | "node.register"
  | "node.release"
  | "node.free"
  | "node.sync"
  | "node.watch"
  | "node.beat"
> = {
  "node.list": (state) => [...state.nodes.all()].map((node) => node.record),

  "node.get": (state, _turn, { name }) => state.nodes.get(name).record,

  "node.register": (state, turn, input) => {
    const { report, executors, version, endsServices, works, caller = {} } = input;
    const known = state.nodes.find(report.name);
    refuseTaker(known, caller.identity);
    refuseForeign(state, turn, known, caller);
    // Whoever had the name before may still wait in calls of its executors.
    if (known !== undefined && isOfAnother(known, caller.identity)) releaseNode(state, turn, known);
    const node = state.nodes.register(turn, report, speakerFrom(caller));
    node.version = version;
    node.endsServices = endsServices === true;
    dropStream(turn, node);
    dropWork(turn, node);
    // What waited for the old stream is told anew by the alignment below.
    node.outbox.length = 0;
    align(state, turn, node, executors);
    for (const executor of state.executors.ofNode(report.name)) {
      const entry = state.sessionOf(executor);
      // Without a work stream it has no task but the one that was leased to it.
      if (entry !== undefined && works !== true) heardOf(state, turn, entry, executor.record.id);
      if (entry !== undefined) handOut(state, turn, entry);
    }
    heard(state, turn, node);
    state.deadlines.clear("grace", report.name);
    return undefined;
  },

  "node.release": (state, turn, { name, caller = {} }) => {
    const node = state.nodes.find(name);
    refuseStranger(node, caller.identity);
    // What an instance held that another one took the name from is gone already.
    if (node === undefined || isForeign(node, caller)) return undefined;
    releaseNode(state, turn, node);
    return undefined;
  },

  "node.free": (state, turn, { name }) => {
    const node = state.nodes.get(name);
    if (node.record.state === "Ready") {
      throw new FlameError(
        "invalid_state",
        `node ${name} is Ready, its executor manager calls from ${node.record.address ?? "an unknown address"}: stop that, which releases ` +
          "the node; who may not be a node any more is kept out by taking its token away",
      );
    }
    releaseNode(state, turn, node);
    return undefined;
  },

  "node.sync": (state, turn, { report, caller = {} }) => {
    const node = state.nodes.find(report.name);
    refuseStranger(node, caller.identity);
    refuseForeign(state, turn, node, caller);
    if (node !== undefined && node.record.state !== "Ready") {
      throw new FlameError(
        "invalid_state",
        `node ${report.name} is ${node.record.state}: it must register first`,
      );
    }
    const speaker =
      caller.instance === undefined && node !== undefined
        ? speakerOf(node.record)
        : speakerFrom(caller);
    const synced = state.nodes.register(turn, report, speaker);
    heard(state, turn, synced);
    return {
      node: synced.record,
      executors: [...state.executors.ofNode(report.name)].map((executor) => executor.record),
    };
  },

  "node.watch": (state, turn, { report, caller }, token) => {
    const node = state.nodes.find(report.name);
    refuseStranger(node, caller?.identity);
    if (node?.record.state !== "Ready" || node.record.instance !== caller?.instance) {
      // It has not registered, is lost already, or another one has registered meanwhile: the stream ends without a word,
      // and the node registers again.
      turn.end(token);
      return waits;
    }
    dropStream(turn, node);
    state.nodes.attach(turn, node, token);
    state.nodes.beat(node, report, turn.now);
    heard(state, turn, node);
    return waits;
  },

  "node.beat": (state, turn, { stream, report }) => {
    const node = state.nodes.find(report.name);
    if (node === undefined || node.stream !== stream) return undefined;
    if (state.nodes.beat(node, report, turn.now)) state.warm.changed = true;
    heard(state, turn, node);
    return undefined;
  },
};

/** It and what it has are gone, and its name is free. */
function releaseNode(state: CoreState, turn: FlameTurn, node: NodeEntry): void {
  const { name } = node.record;
  for (const executor of [...state.executors.ofNode(name)]) {
    dropExecutor(state, turn, executor, `node ${name} was released`);
  }
  dropStream(turn, node);
  dropWork(turn, node);
  state.deadlines.clear("silence", name);
  state.deadlines.clear("grace", name);
  state.nodes.delete(turn, node);
}

/** A node's stream broke; an older stream that ends late says nothing about the node. */
export function streamBroke(state: CoreState, turn: FlameTurn, name: string, stream: Token): void {
  const node = state.nodes.find(name);
  if (node === undefined || node.stream !== stream) return;
  node.stream = undefined;
  loseNode(state, turn, node);
}

/** The node fell silent, or its stream broke: its leases stay for the grace time. */
export function loseNode(state: CoreState, turn: FlameTurn, node: NodeEntry): void {
  dropStream(turn, node);
  state.nodes.setState(turn, node, "Unknown");
  dropWork(turn, node);
  placeAll(state, node);
  state.deadlines.clear("silence", node.record.name);
  state.deadlines.set("grace", node.record.name, turn.steady + state.options.nodeGraceMs);
}

/** The grace time passed: what the node held goes back. */
export function giveNodeUp(state: CoreState, turn: FlameTurn, node: NodeEntry): void {
  const { name } = node.record;
  for (const executor of [...state.executors.ofNode(name)]) {
    dropExecutor(
      state,
      turn,
      executor,
      `node ${name} was lost for ${state.options.nodeGraceMs / 1000} s`,
      "lostNodes",
    );
  }
  node.outbox.length = 0;
  state.nodes.setState(turn, node, "NotReady");
}

/** What the node reports against what we know: by executor id alone. */
function align(
  state: CoreState,
  turn: FlameTurn,
  node: NodeEntry,
  reported: readonly ReportedExecutor[],
): void {
  const { name } = node.record;
  const known = new Map(reported.map((executor) => [executor.id, executor]));
  for (const executor of [...state.executors.ofNode(name)]) {
    const report = known.get(executor.record.id);
    known.delete(executor.record.id);
    if (report === undefined) {
      // The executor manager was started anew, or never heard of it: whatever it held is not running there.
      const reason = `node ${name} came back without its executor`;
      dropExecutor(state, turn, executor, reason, "lostNodes");
    } else if (executor.record.state === "Void" && report.state === "Idle") {
      state.executors.transition(turn, executor, "Idle");
    } else if (mustEnd(node, executor, report)) {
      state.nodes.push(turn, node, { executor: executor.record, released: true });
    }
  }
  for (const stranger of known.values()) {
    const record = {
      id: stranger.id,
      node: name,
      resreq: noResources,
      shim: stranger.shim,
      state: "Releasing",
    } as const;
    state.nodes.push(turn, node, { executor: record, released: true });
  }
}

/** Its task was ended, and the node had not heard of that when its stream broke, or the session manager died. */
function mustEnd(node: NodeEntry, { record }: ExecutorEntry, report: ReportedExecutor): boolean {
  const goes = ["Void", "Idle", "Releasing"].includes(report.state);
  return record.state === "Releasing" && node.endsServices && !goes;
}

function heard(state: CoreState, turn: FlameTurn, node: NodeEntry): void {
  node.heardAt = turn.steady;
  state.deadlines.set("silence", node.record.name, turn.steady + state.options.nodeSilenceMs);
}

function dropStream(turn: FlameTurn, node: NodeEntry): void {
  if (node.stream === undefined) return;
  turn.end(node.stream);
  node.stream = undefined;
}
