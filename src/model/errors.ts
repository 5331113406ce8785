/** What kind of failure it is. */
export type ErrorCode =
  | "invalid_config"
  | "invalid_argument"
  | "invalid_state"
  | "not_found"
  | "already_exists"
  | "resource_exhausted"
  | "aborted"
  | "deadline_exceeded"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "unauthenticated"
  | "permission_denied";

interface ErrorRow {
  readonly grpcStatus: number;
  readonly exitCode: number;
}

/**
 * The one table of errors: code -> gRPC status -> exit code.
 * docs/protocol.md (section "Errors") lists the same rows: test/unit/docs/errors.test.ts keeps both equal.
 */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = {
  invalid_config: { grpcStatus: 3, exitCode: 1 },
  invalid_argument: { grpcStatus: 3, exitCode: 1 },
  // The published server answers a wrong state with INVALID_ARGUMENT, and its clients look at the text only.
  invalid_state: { grpcStatus: 3, exitCode: 1 },
  not_found: { grpcStatus: 5, exitCode: 1 },
  already_exists: { grpcStatus: 6, exitCode: 1 },
  resource_exhausted: { grpcStatus: 8, exitCode: 1 },
  aborted: { grpcStatus: 10, exitCode: 1 },
  deadline_exceeded: { grpcStatus: 4, exitCode: 1 },
  unimplemented: { grpcStatus: 12, exitCode: 1 },
  internal: { grpcStatus: 13, exitCode: 1 },
  unavailable: { grpcStatus: 14, exitCode: 1 },
  unauthenticated: { grpcStatus: 16, exitCode: 1 },
  permission_denied: { grpcStatus: 7, exitCode: 1 },
};

const flameErrorMark = Symbol.for("flame.FlameError");

export interface FlameErrorOptions extends ErrorOptions {
  /** In milliseconds; see {@link FlameError.retryAfterMs}. */
  readonly retryAfterMs?: number;
  /** See {@link FlameError.application}. */
  readonly application?: string;
}

/** The only error class that crosses a room's door, and that the SDK throws; `message` says what, where, got, expected. */
export class FlameError extends Error {
  /** What Node.js prints of one that nobody caught: the bundle gives the class another name, as it names itself below. */
  static override readonly name: string = "FlameError";
  /** @internal */
  readonly [flameErrorMark] = true;
  /** What kind of failure it is. */
  readonly code: ErrorCode;
  /** After this many milliseconds the same request may well be answered; absent when waiting alone does not help. */
  readonly retryAfterMs?: number;
  /** The application whose session or task it is about, where the caller named one. */
  readonly application?: string;

  constructor(code: ErrorCode, message: string, options?: FlameErrorOptions) {
    super(message, options);
    this.name = "FlameError";
    this.code = code;
    if (options?.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options?.application !== undefined) this.application = options.application;
  }

  // By mark, not by prototype: test realms and bundles hold more than one copy of this class.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && flameErrorMark in value;
  }

  /** The funnel at every boundary: what is not a FlameError becomes `internal`, with the original as cause. */
  static from(thrown: unknown): FlameError {
    if (thrown instanceof FlameError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new FlameError("internal", message, { cause: thrown });
  }
}
