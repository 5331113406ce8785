/** Who asks: the author of revisions and the owner of sessions. */
export interface Caller {
  /** A name for people: the user of the machine where that is known, `anonymous` while the listener is open. */
  readonly name: string;
  /** The peer's address as the transport reports it, such as `127.0.0.1:53210`. */
  readonly from: string;
  readonly authenticatedBy: "open" | "same-user" | "token" | "mtls" | "internal";
}

/** What a caller has proved to be: one token or one subject of certificates, whatever connection it calls on. */
export interface Identity {
  /** Such as `token 1f0c…` (the beginning of its SHA-256) or `certificate CN=node-a`: to be compared, and for people. */
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
