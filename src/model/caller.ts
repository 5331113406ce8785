import type { Grant } from "./role.ts";

/** Who asks: the author of revisions and the owner of sessions. What it may do: model/access.ts. */
export interface Caller {
  /**
   * A name for people: of the token, the certificate or the user of the machine; `token` for one without a name, and `anonymous`
   * while the listener is open.
   */
  readonly name: string;
  /** The peer's address as the transport reports it, such as `127.0.0.1:53210`. */
  readonly from: string;
  readonly authenticatedBy: "open" | "same-user" | "token" | "mtls" | "internal";
  /** What it has proved to be; absent where nobody is asked to. */
  readonly identity?: Identity;
  /** Its roles; absent: all of them, as wherever nobody is told apart. */
  readonly grants?: readonly Grant[];
}

/** What a caller has proved to be: a name, a token without one, or a subject of certificates, whatever connection it calls on. */
export interface Identity {
  /**
   * Such as `name alice`, `token 1f0c…` (the beginning of its SHA-256) or `certificate CN=node-a`: to be compared and kept,
   * and for people.
   */
  readonly id: string;
  /** Whether the listener lets in who has the identity of this id. */
  accepts(id: string): boolean;
}

/** The session manager itself: seeding, retention, recovery. */
export const internalCaller: Caller = Object.freeze({
  name: "session-manager",
  from: "internal",
  authenticatedBy: "internal",
});
