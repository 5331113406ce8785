/** Who asks: the author of revisions and the owner of sessions. */
export interface Caller {
  /** A name for people: the user of the machine where that is known, `anonymous` while the listener is open. */
  readonly name: string;
  /** The peer's address as the transport reports it, such as `127.0.0.1:53210`. */
  readonly from: string;
  readonly authenticatedBy: "open" | "same-user" | "token" | "mtls" | "internal";
}

/** The session manager itself: seeding, retention, recovery. */
export const internalCaller: Caller = Object.freeze({
  name: "session-manager",
  from: "internal",
  authenticatedBy: "internal",
});
