import {
  type ClientDuplexStream,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { Backoff } from "../kit/backoff.ts";
import type { Clock, Timer } from "../kit/clock.ts";
import { Promised } from "../kit/promised.ts";
import { FlameError } from "../model/errors.ts";
import {
  type FollowEnd,
  type FollowRequest,
  type FollowResponse,
  LogsService,
} from "../protocol/generated/flame/logs/v1/logs.ts";
import type { FrontendClient } from "./frontend-client.ts";

/** For the word of the session manager that it follows a session. */
const beginMs = 2_000;
/** For what was printed by the end of a session: the session manager waits for 2 seconds. */
const endMs = 3_000;
/** The same, at the end of a client that has not closed its sessions. */
const leaveMs = 1_000;
/** A session manager that does not answer for so long may have logs or not. */
const answerMs = 10_000;
const firstPauseMs = 50;
const longestPauseMs = 2_000;

/** Whole lines that one service printed, one after the other; the last one has no newline when its task ended there. */
export interface PrintedLines {
  readonly sessionId: string;
  readonly executorId: string;
  /** `out` or `err`. */
  readonly stream: string;
  /** The task that ran meanwhile; undefined between tasks. */
  readonly taskId?: string | undefined;
  readonly data: Buffer;
  /** So many lines are missing in front of `data`. */
  readonly leftOut: number;
  readonly node: string;
}

/** Takes what services of a session printed, in its order. Never throws. */
export type LogSink = (lines: PrintedLines) => void;

/** Where lines of a session are to go. */
export interface LogWish {
  readonly sink: LogSink;
  /** Told of troubles. Absent: nobody asked for the lines by name, and a session manager without them is no error. */
  readonly warn?: (text: string) => void;
}

export interface LogStreamDeps {
  /** A connection of its own. Called once, when the first session is to be followed. */
  readonly connect: () => LogConnection;
  readonly clock: Clock;
  /** Of the session manager, for errors. */
  readonly url: string;
}

type LogConnection = Pick<
  FrontendClient,
  "duplex" | "failure" | "onceDisconnected" | "holdNoProcess" | "close"
>;
type Call = ClientDuplexStream<FollowRequest, FollowResponse>;

/** A session that is followed. */
class Followed {
  /** Each with whom it wants to be told of troubles. */
  readonly sinks = new Map<LogSink, LogWish["warn"]>();
  readonly begun = new Promised();
  readonly ended = new Promised();
  readonly #sessionId: string;
  readonly #told = new Set<string>();

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  /** Handles that want the same are one wish, so that opening a session again and again takes no memory. */
  add({ sink, warn }: LogWish): void {
    this.sinks.set(sink, warn ?? this.sinks.get(sink));
  }

  /** Each text once. */
  warn(text: string): void {
    const warn = [...this.sinks.values()].find((each) => each !== undefined);
    if (warn === undefined || this.#told.has(text)) return;
    this.#told.add(text);
    warn(`session ${this.#sessionId}: ${text}`);
  }
}

/**
 * What tasks print, as it comes to one client: `flame.logs.v1.Logs/Follow` (docs/protocol.md, "Prints"). Its call is open
 * while a session is followed, and comes back after it broke. No task waits for it, and it does not keep the process alive.
 */
export class LogStream {
  readonly #deps: LogStreamDeps;
  readonly #backoff = new Backoff(firstPauseMs, longestPauseMs);
  readonly #followed = new Map<string, Followed>();
  /** Those whose end was asked for and has not come, oldest first: a session may be followed anew meanwhile. */
  readonly #leaving = new Map<string, Followed[]>();
  /** The session manager has answered, one way or the other. */
  #known = new Promised();
  #isServed: boolean | undefined;
  #connection: LogConnection | undefined;
  #call: Call | undefined;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(deps: LogStreamDeps) {
    this.#deps = deps;
  }

  /** @throws FlameError invalid_state when the session manager does not tell what tasks print */
  async require(): Promise<void> {
    if (this.#isServed === undefined && !this.#isClosed) {
      if (this.#call === undefined) this.#open();
      await this.#known.within(answerMs);
      this.#rest();
    }
    if (this.#isServed !== false) return;
    throw new FlameError(
      "invalid_state",
      `logs: the session manager at ${this.#deps.url} does not tell what tasks print, it is of another make or older; leave logs out, or say logs: false`,
    );
  }

  /** Hands on what services of the session print. Resolves when what a new task prints would come, or soon without that. */
  async follow(sessionId: string, wish: LogWish): Promise<void> {
    if (this.#isServed === false || this.#isClosed) return;
    const known = this.#followed.get(sessionId);
    const followed = known ?? new Followed(sessionId);
    followed.add(wish);
    if (known === undefined) {
      this.#followed.set(sessionId, followed);
      if (this.#call !== undefined) this.#call.write({ begin: [sessionId], end: [] });
      else if (this.#retry === undefined) this.#open();
    }
    await followed.begun.within(beginMs);
  }

  /** Follows the session no more. Resolves when what it has printed so far has been told. */
  async end(sessionId: string): Promise<void> {
    const followed = this.#followed.get(sessionId);
    if (followed === undefined) return;
    this.#leave([sessionId]);
    await followed.ended.within(endMs);
    // Nobody hears of it any more, also when its end comes later.
    followed.sinks.clear();
  }

  /** Ends everything: what was printed so far is told meanwhile, for a second at most. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#leave([...this.#followed.keys()]);
    const left = this.#allLeaving();
    void Promise.all(left.map(({ ended }) => ended.within(leaveMs))).then(() => {
      this.#call?.cancel();
      this.#connection?.close();
    });
  }

  #leave(sessionIds: readonly string[]): void {
    for (const id of sessionIds) {
      const followed = this.#followed.get(id);
      if (followed === undefined) continue;
      this.#followed.delete(id);
      if (this.#call === undefined) followed.ended.resolve();
      else this.#leaving.set(id, [...(this.#leaving.get(id) ?? []), followed]);
    }
    if (sessionIds.length > 0) this.#call?.write({ begin: [], end: [...sessionIds] });
  }

  #open(): void {
    const connection = this.#connected();
    if (connection === undefined) return;
    const call: Call = connection.duplex(LogsService.follow);
    this.#call = call;
    call.once("metadata", () => {
      if (call !== this.#call) return;
      connection.holdNoProcess();
      this.#answered(true);
    });
    call.on("data", (response: FollowResponse) => {
      if (call === this.#call) this.#take(response);
    });
    call.on("error", (error: ServiceError) => {
      if (call === this.#call) this.#lost(connection.failure(error));
    });
    call.on("status", ({ code }: StatusObject) => {
      if (call === this.#call && code === status.OK)
        this.#lost(new FlameError("unavailable", "the session manager ended the stream of logs"));
    });
    call.write({ begin: [...this.#followed.keys()], end: [] });
  }

  #connected(): LogConnection | undefined {
    try {
      this.#connection ??= this.#deps.connect();
    } catch (thrown) {
      // A file of credentials may have gone since the client was made.
      this.#lost(FlameError.from(thrown));
    }
    return this.#connection;
  }

  #answered(isServed: boolean | undefined): void {
    this.#isServed = isServed;
    this.#known.resolve();
    // For whoever asks when another session manager may answer.
    if (isServed === undefined) this.#known = new Promised();
  }

  #lost(failure: FlameError): void {
    this.#call = undefined;
    const left = this.#allLeaving();
    this.#leaving.clear();
    for (const one of left) one.ended.resolve();
    for (const one of [...left, ...this.#followed.values()]) one.begun.resolve();
    if (!isPassing(failure))
      for (const followed of this.#followed.values()) followed.warn(untold(failure.message));
    if (failure.code === "unimplemented") {
      this.#answered(false);
      this.#followed.clear();
      this.#connection?.onceDisconnected(() => this.#answered(undefined));
      return;
    }
    this.#answered(undefined);
    if (!this.#isClosed && this.#followed.size > 0) this.#openLater(failure);
  }

  #openLater(failure: FlameError): void {
    const pauseMs = Math.max(this.#backoff.next(), failure.retryAfterMs ?? 0);
    this.#retry = this.#deps.clock.after(pauseMs, () => {
      this.#retry = undefined;
      if (this.#followed.size > 0) this.#open();
    });
  }

  #take({ lines, begun, notices, ends }: FollowResponse): void {
    this.#backoff.reset();
    for (const one of lines) {
      const sinks = this.#of(one.sessionId).flatMap((followed) => [...followed.sinks.keys()]);
      // Two handles of one session in a terminal print it once.
      for (const sink of new Set(sinks)) sink(one);
    }
    for (const id of begun) this.#followed.get(id)?.begun.resolve();
    for (const { sessionId, text } of notices)
      for (const followed of this.#of(sessionId)) followed.warn(text);
    for (const end of ends) this.#ended(end);
    if (ends.length > 0) this.#rest();
  }

  #ended({ sessionId, code, message }: FollowEnd): void {
    const followed = this.#takeOldest(sessionId);
    if (code !== 0) followed?.warn(untold(message));
    followed?.begun.resolve();
    followed?.ended.resolve();
  }

  /** What an end is of. */
  #takeOldest(sessionId: string): Followed | undefined {
    const [oldest, ...others] = this.#leaving.get(sessionId) ?? [];
    if (others.length > 0) this.#leaving.set(sessionId, others);
    else if (oldest !== undefined) this.#leaving.delete(sessionId);
    if (oldest !== undefined) return oldest;
    const followed = this.#followed.get(sessionId);
    this.#followed.delete(sessionId);
    return followed;
  }

  #allLeaving(): readonly Followed[] {
    return [...this.#leaving.values()].flat();
  }

  /** All that get lines of a session, oldest first. */
  #of(sessionId: string): readonly Followed[] {
    const followed = this.#followed.get(sessionId);
    const leaving = this.#leaving.get(sessionId) ?? [];
    return followed === undefined ? leaving : [...leaving, followed];
  }

  /** Ends the call when nothing is followed. */
  #rest(): void {
    if (this.#followed.size + this.#leaving.size > 0) return;
    const call = this.#call;
    this.#call = undefined;
    call?.end();
  }
}

const untold = (why: string): string => `what its tasks print is not told: ${why}`;

/** What a restart or a break of the network brings. A refusal, such as that of too many watchers, is told. */
function isPassing({ code }: FlameError): boolean {
  return code === "unavailable" || code === "deadline_exceeded";
}
