import type { Turn } from "../kit/turn.ts";
import type { Change } from "./change.ts";
import type { FlameError } from "./errors.ts";

/** A turn of this product's machine. */
export type FlameTurn = Turn<Change, FlameError>;
