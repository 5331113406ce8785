import { Metadata, type ServerDuplexStream, status } from "@grpc/grpc-js";
import type { Caller } from "../../model/caller.ts";
import { LineBacklog, type SharedBytes } from "../../process/line-backlog.ts";
import type {
  FollowEnd,
  FollowNotice,
  FollowRequest,
  FollowResponse,
  Lines,
} from "../../protocol/generated/flame/logs/v1/logs.ts";
import { callerOf } from "../../security/authentication.ts";
import type { Follower, LiveLogs } from "./live-logs.ts";

export type FollowCall = ServerDuplexStream<FollowRequest, FollowResponse>;

/** So much waits for a client that does not read, in bytes; what comes then is left out. */
const waitingBytes = 1024 * 1024;
/** About so many bytes of lines are in one message. */
const messageBytes = 64 * 1024;
/** Notices that wait for one client; they repeat themselves. */
const noticesMax = 100;
/** Sessions that one stream follows. */
const followedMax = 10_000;

/** What is to be said of a session to a caller; `hidden`: no more than of one that is gone. */
export type FindSession = (sessionId: string, caller: Caller) => "shown" | "hidden" | "gone";

export interface FollowDeps {
  readonly live: LiveLogs;
  /** Of all clients together. */
  readonly shared: SharedBytes;
  readonly find: FindSession;
}

/** One stream of one client that wants to know what tasks print: it gets what it reads in time. */
export class FollowStream implements Follower {
  readonly #deps: FollowDeps;
  readonly #call: FollowCall;
  readonly #caller: Caller;
  readonly #sessions = new Set<string>();
  readonly #lines: LineBacklog;
  #ends: FollowEnd[] = [];
  #notices: FollowNotice[] = [];
  #begun: string[] = [];
  #planned = false;
  #blocked = false;
  #over = false;

  constructor(deps: FollowDeps, call: FollowCall) {
    this.#deps = deps;
    this.#call = call;
    this.#caller = callerOf(call);
    this.#lines = new LineBacklog(waitingBytes, deps.shared);
  }

  serve(): void {
    const call = this.#call;
    // The client takes them as the word that the service is there.
    call.sendMetadata(new Metadata());
    call.on("data", (request: FollowRequest) => this.#take(request));
    call.on("drain", () => {
      this.#blocked = false;
      call.resume();
      this.#flush();
    });
    call.on("end", () => {
      this.#close();
      call.end();
    });
    call.on("cancelled", () => this.#close());
    call.on("error", () => this.#close());
  }

  printed({ sessionId, executorId, stream, taskId, data, leftOut }: Lines, node: string): void {
    // A session that ends is followed until all of it has come, or the client has gone.
    // Another one may have its id by now.
    if (this.#over || this.#find(sessionId) === "hidden") return;
    this.#lines.add({ sessionId, executorId, stream, taskId, node }, data, leftOut);
    this.#plan();
  }

  notice(sessionId: string, text: string): void {
    if (this.#notices.length < noticesMax) this.#notices.push({ sessionId, text });
    this.#plan();
  }

  #take({ begin, end }: FollowRequest): void {
    if (this.#over) return;
    for (const id of begin) this.#begin(id);
    for (const id of end) if (this.#sessions.has(id)) void this.#end(id);
  }

  #begin(id: string): void {
    if (this.#find(id) !== "shown") {
      this.#ended(id, status.NOT_FOUND, `session ${JSON.stringify(id.slice(0, 200))} not found`);
    } else if (this.#sessions.size >= followedMax) {
      const text = `this stream follows ${followedMax} sessions already: end some, or open another one`;
      this.#ended(id, status.RESOURCE_EXHAUSTED, text);
    } else if (!this.#sessions.has(id)) {
      this.#sessions.add(id);
      this.#deps.live.begin(id, this);
      this.#begun.push(id);
      this.#plan();
    }
  }

  #find(id: string): ReturnType<FindSession> {
    return this.#deps.find(id, this.#caller);
  }

  async #end(id: string): Promise<void> {
    this.#sessions.delete(id);
    await this.#deps.live.synced(id);
    // It may have been begun anew meanwhile.
    if (!this.#sessions.has(id)) this.#deps.live.end(id, this);
    this.#ended(id, status.OK, "");
  }

  #ended(sessionId: string, code: number, message: string): void {
    if (this.#over) return;
    this.#ends.push({ sessionId, code, message });
    this.#plan();
  }

  #close(): void {
    this.#over = true;
    for (const id of this.#sessions) this.#deps.live.end(id, this);
    this.#sessions.clear();
    this.#lines.clear();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#over && !this.#blocked) {
      const lines = this.#lines.take(messageBytes);
      // Behind all lines: whoever ends waits for them.
      const ends = this.#lines.empty ? this.#ends : [];
      const notices = this.#notices;
      const begun = this.#begun;
      if (lines.length + ends.length + notices.length + begun.length === 0) return;
      if (ends.length > 0) this.#ends = [];
      this.#notices = [];
      this.#begun = [];
      this.#blocked = !this.#call.write({ lines, ends, notices, begun });
      // Else it could ask for more answers than it reads.
      if (this.#blocked) this.#call.pause();
    }
  }
}
