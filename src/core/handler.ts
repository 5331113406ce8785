import type { FlameTurn } from "../model/flame-turn.ts";
import type { CallKind, CommandKind, CommandTable, Reply, TokenOf } from "./commands.ts";
import type { CoreState } from "./state.ts";

/** Returned by a handler whose reply comes in a later turn, or that is a stream. */
export const waits = Symbol("waits");

/**
 * Carries one command out. Throws a FlameError before it changes anything, or not at all.
 */
export type Handler<K extends CommandKind> = (
  state: CoreState,
  turn: FlameTurn,
  input: CommandTable[K]["input"],
  token: TokenOf<K>,
) => (K extends CallKind ? Reply<K> : never) | typeof waits;

export type Handlers<K extends CommandKind> = { readonly [P in K]: Handler<P> };
