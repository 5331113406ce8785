import type { Flag } from "../kit/flag.ts";
import type { StreamToken } from "../kit/turn.ts";
import type { ApplicationRecord } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import type { ExecutorRecord, Shim } from "../model/executor.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { NodeCaller, NodeRecord, NodeReport, NodeState } from "../model/node.ts";
import { noResources, sameResources } from "../model/resources.ts";
import type { TaskRecord } from "../model/task.ts";
import type { BindReply } from "./executor-book.ts";

/** What is sent on a node's stream: an executor to make, or one to forget. */
export interface NodePush {
  readonly executor: ExecutorRecord;
  readonly released: boolean;
}

/** What is sent on a node's work stream (docs/protocol.md, "Streams of nodes"). */
export type WorkPush =
  | { readonly kind: "bind"; readonly executor: ExecutorRecord; readonly reply: BindReply }
  | {
      readonly kind: "assignment";
      readonly executorId: string;
      readonly lease: string;
      readonly task: TaskRecord;
    }
  | {
      readonly kind: "takeBack" | "acknowledgement";
      readonly executorId: string;
      readonly leases: readonly string[];
    }
  | { readonly kind: "leave"; readonly executorId: string }
  | { readonly kind: "warm"; readonly applications: readonly WarmApplication[] };

/** So many service processes of an application that a node keeps started for sessions to come. */
export interface WarmApplication {
  readonly application: ApplicationRecord;
  readonly count: number;
}

/** One node in memory. */
export class NodeEntry {
  record: NodeRecord;
  /** Its present WatchNode stream; earlier ones no longer speak for the node. */
  stream: StreamToken<NodePush> | undefined;
  /** Its present work stream. */
  work: StreamToken<WorkPush> | undefined;
  /** On that stream it takes new executors together with their sessions. */
  takesBinds = false;
  /** How many services it keeps started for sessions to come, at most; as it says when it opens the work stream. */
  warmPlaces = 0;
  /** Which ones, as it was told last on that stream. */
  warmTold: readonly WarmApplication[] | undefined;
  /** Of its executor manager; undefined for one of another make, and before it registers. */
  version: string | undefined;
  /** It ends the service of an executor that it is told to forget; not known before it registers. */
  endsServices = false;
  /** When it was heard last, in steady milliseconds. */
  heardAt: number;
  /** What waits for a stream, in order. */
  readonly outbox: NodePush[] = [];

  constructor(record: NodeRecord, heardAt: number) {
    this.record = record;
    this.heardAt = heardAt;
  }
}

/** All nodes that ever registered and were not released. What the scheduler would see raises its flag. */
export class NodeBook {
  readonly #entries = new Map<string, NodeEntry>();
  readonly #scheduleWanted: Flag;

  constructor(scheduleWanted: Flag) {
    this.#scheduleWanted = scheduleWanted;
  }

  /**
   * Takes a stored node in: not Ready until it registers again.
   * @param now steady milliseconds: it could not be heard before
   */
  restore(record: NodeRecord, now: number): NodeEntry {
    const state: NodeState = record.state === "Ready" ? "Unknown" : record.state;
    const entry = new NodeEntry({ ...record, state }, now);
    this.#entries.set(record.name, entry);
    return entry;
  }

  find(name: string): NodeEntry | undefined {
    return this.#entries.get(name);
  }

  /** @throws FlameError not_found. */
  get(name: string): NodeEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined)
      throw new FlameError(
        "not_found",
        `node ${name} not found: it never registered, or was released`,
      );
    return entry;
  }

  all(): IterableIterator<NodeEntry> {
    return this.#entries.values();
  }

  /** The node (again) says that it is there: Ready, with what it reports. @param speaker who speaks for it from now on */
  register(turn: FlameTurn, report: NodeReport, speaker: NodeSpeaker): NodeEntry {
    const previous = this.#entries.get(report.name);
    const record: NodeRecord = {
      ...merge(previous?.record, report),
      ...speaker,
      state: "Ready",
      lastHeartbeat: turn.now,
    };
    const entry = previous ?? new NodeEntry(record, turn.steady);
    entry.record = record;
    entry.heardAt = turn.steady;
    this.#entries.set(record.name, entry);
    turn.change({ kind: "node.put", record });
    this.#scheduleWanted.raise();
    return entry;
  }

  /**
   * A heartbeat updates a Ready node, in memory only: the next registration writes it.
   * @returns whether it has other room for executors than before
   */
  beat(entry: NodeEntry, report: NodeReport, now: number): boolean {
    if (entry.record.state !== "Ready") return false;
    const before = entry.record.allocatable;
    entry.record = {
      ...merge(entry.record, report),
      ...speakerOf(entry.record),
      state: "Ready",
      lastHeartbeat: now,
    };
    if (sameResources(before, entry.record.allocatable)) return false;
    this.#scheduleWanted.raise();
    return true;
  }

  setState(turn: FlameTurn, entry: NodeEntry, state: NodeState): void {
    entry.record = { ...entry.record, state };
    turn.change({ kind: "node.put", record: entry.record });
    this.#scheduleWanted.raise();
  }

  /** @returns whether it was another one before */
  setShim(turn: FlameTurn, entry: NodeEntry, shim: Shim): boolean {
    if (entry.record.shim === shim) return false;
    entry.record = { ...entry.record, shim };
    turn.change({ kind: "node.put", record: entry.record });
    this.#scheduleWanted.raise();
    return true;
  }

  /** Sends now, or keeps for the stream to come. */
  push(turn: FlameTurn, entry: NodeEntry, push: NodePush): void {
    if (entry.stream === undefined) entry.outbox.push(push);
    else turn.push(entry.stream, push);
  }

  /** A new stream speaks for the node: it gets what waited. */
  attach(turn: FlameTurn, entry: NodeEntry, stream: StreamToken<NodePush>): void {
    entry.stream = stream;
    for (const push of entry.outbox.splice(0)) turn.push(stream, push);
  }

  delete(turn: FlameTurn, entry: NodeEntry): void {
    this.#entries.delete(entry.record.name);
    turn.change({ kind: "node.delete", name: entry.record.name });
    this.#scheduleWanted.raise();
  }
}

/** Who speaks for a node, as its record has it. */
export type NodeSpeaker = Pick<NodeRecord, "instance" | "address" | "owner">;

/** The caller as the one who speaks for a node. */
export function speakerFrom({ instance, address, identity }: NodeCaller): NodeSpeaker {
  return speakerOf({ instance, address, owner: identity?.id });
}

/** Of what is undefined there is no field. */
export function speakerOf({
  instance,
  address,
  owner,
}: { readonly [K in keyof NodeSpeaker]: NodeSpeaker[K] | undefined }): NodeSpeaker {
  return {
    ...(instance !== undefined && { instance }),
    ...(address !== undefined && { address }),
    ...(owner !== undefined && { owner }),
  };
}

function merge(
  previous: NodeRecord | undefined,
  report: NodeReport,
): Omit<NodeRecord, "state" | "lastHeartbeat" | keyof NodeSpeaker> {
  return {
    name: report.name,
    capacity: report.capacity ?? previous?.capacity ?? noResources,
    allocatable: report.allocatable ?? previous?.allocatable ?? report.capacity ?? noResources,
    arch: report.arch ?? previous?.arch ?? "",
    os: report.os ?? previous?.os ?? "",
    ...(previous?.shim !== undefined && { shim: previous.shim }),
  };
}
