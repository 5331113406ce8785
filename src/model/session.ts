import { FlameError } from "./errors.ts";
import type { FlameEvent } from "./event.ts";
import type { Resources } from "./resources.ts";

export type SessionState = "Open" | "Closed";

/** One session as it is stored. Immutable: a change makes a new record. */
export interface SessionRecord {
  readonly id: string;
  readonly application: string;
  /** The revision of the application the session was created with; its executors get exactly that one. */
  readonly applicationRevision: number;
  readonly state: SessionState;
  /** Unix milliseconds. */
  readonly creationTime: number;
  /** Unix milliseconds; absent while the session is open. */
  readonly completionTime?: number;
  /** What each executor of the session gets; resolved when the session was created. */
  readonly resreq: Resources;
  readonly minInstances: number;
  /** Absent means unlimited. */
  readonly maxInstances?: number;
  readonly priority: number;
  /** The name of who created the session, for people. */
  readonly owner: string;
  /** The id of the identity that created it; absent: nobody was asked who calls. */
  readonly ownerId?: string;
  /** Size of the common data in bytes; absent when the client sent none (absent is not empty). */
  readonly commonDataBytes?: number;
  /** The common data is what only services of this make read (docs/flmrun.md, 1.1). */
  readonly framed?: true;
  /** Clients that the session ends with (docs/protocol.md, "Unused sessions"); absent: it stays until it is closed. */
  readonly clients?: readonly string[];
  /** What its services import beside what is there; absent: nothing. */
  readonly packages?: readonly string[];
  /** The object cache has said that the objects of the closed session are gone. */
  readonly objectsDeleted?: true;
  /** Session-level events, oldest first, at most {@link sessionEventsMax}. */
  readonly events: readonly FlameEvent[];
}

/** Names one session for good: its id may be used again once it was deleted. */
export type SessionKey = Pick<SessionRecord, "id" | "creationTime">;

/** The newest events that a session keeps. */
export const sessionEventsMax = 256;

/** Live counts of a session's tasks per state. */
export interface TaskCounts {
  pending: number;
  running: number;
  succeed: number;
  failed: number;
  cancelled: number;
}

export function noTasks(): TaskCounts {
  return { pending: 0, running: 0, succeed: 0, failed: 0, cancelled: 0 };
}

/** A session as replies show it: the record and a copy of its counts at one moment. */
export interface SessionView {
  readonly record: SessionRecord;
  readonly counts: Readonly<TaskCounts>;
}

/** What a client asks for when it creates a session; the record's spec before it is resolved. */
export interface SessionRequest {
  readonly application: string;
  readonly resreq?: Resources;
  readonly minInstances: number;
  readonly maxInstances?: number;
  readonly priority: number;
  readonly commonData?: Buffer;
  readonly packages?: readonly string[];
}

const sessionIdBytesMax = 253;
// eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
const FORBIDDEN_IN_ID = /[/\\\u0000-\u001f\u007f]|\.\./;

/**
 * Session ids are chosen by clients and used in file names and object keys.
 * @throws FlameError invalid_argument (docs/protocol.md, "Sessions").
 */
export function checkSessionId(id: string): void {
  const bytes = Buffer.byteLength(id);
  if (bytes >= 1 && bytes <= sessionIdBytesMax && !FORBIDDEN_IN_ID.test(id)) return;
  throw new FlameError(
    "invalid_argument",
    `invalid session id: got ${JSON.stringify(id.slice(0, 80))} (${bytes} bytes), expected 1 to ${sessionIdBytesMax} bytes ` +
      `without "/", "\\", ".." or control characters, such as my-app-x7Yd2k`,
  );
}
