import type { FlameError } from "../model/errors.ts";
import type { SessionKey } from "../model/session.ts";

/** Submits of one producer to one session, with numbers that follow one another. */
export interface SubmitBatch {
  readonly sessionId: string;
  readonly producer: string;
  /** The number of the first input. */
  readonly first: number;
  /** An error: the submit is refused with it. */
  readonly inputs: readonly (Buffer | undefined | FlameError)[];
  /** How long each task may take, in milliseconds, by its place among the inputs. @default none has a limit */
  readonly timeoutsMs?: readonly (number | undefined)[];
}

/** What became of submits that follow one another; ascending. */
export type SubmitOutcome = { readonly first: number; readonly count: number } & (
  | { readonly kind: "created"; readonly firstTask: number; readonly creationTime: number }
  /** They came before. */
  | { readonly kind: "known"; readonly firstTask: number }
  | { readonly kind: "refused"; readonly error: FlameError }
);

/** `closed`: the session is, so the store alone knows what was submitted; all others are refused with the error. */
export type SubmitReply = { readonly session: SessionKey } & (
  | { readonly outcomes: readonly SubmitOutcome[] }
  | { readonly closed: FlameError }
);

/** Numbers whose results are wanted. */
export interface FollowRange {
  readonly sessionId: string;
  readonly producer: string;
  readonly first: number;
  readonly count: number;
}

/** `ended`: those whose tasks have ended before; all others are pushed. `closed`: the store knows, all have ended. */
export type FollowReply = { readonly session: SessionKey } & (
  | { readonly ended: readonly EndedRange[] }
  | { readonly closed: true }
);

export interface EndedRange {
  readonly first: number;
  readonly count: number;
  readonly firstTask: number;
}
