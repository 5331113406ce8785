import { type CallOptions, type Client, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { receiveBytesMax, receiveMaxKey } from "../client/channel-options.ts";
import { failureText } from "../client/rpc-error.ts";

/** A unary method as a generated service definition describes it. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (value: Buffer) => Response;
}

/** How one call is made. */
export interface UnaryOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds after which the call fails with DEADLINE_EXCEEDED. @default none */
  readonly timeoutMs?: number;
  /** That is called, where the network is between: its proxy is named where it may be the cause of a failure. */
  readonly host?: string;
  /** Sent with the call. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Gets what the server sent with its answer, before the call resolves. */
  readonly onMetadata?: (metadata: Metadata) => void;
  /** Gets what the server sent after its answer, before whoever awaits the call goes on. */
  readonly onTrailer?: (metadata: Metadata) => void;
}

const TOO_LARGE: ReadonlySet<number> = new Set<number>([
  status.RESOURCE_EXHAUSTED,
  status.OUT_OF_RANGE,
]);

const BROKEN: ReadonlySet<number> = new Set<number>([status.UNAVAILABLE, status.CANCELLED]);

/** What a failed call tells: the status and the server's text. */
export class RpcFailure extends Error {
  readonly status: number;

  constructor(failed: ServiceError, host: string | undefined) {
    const said = failed.details === "" ? failed.message : failed.details;
    super(host === undefined ? said : failureText(failed, host), { cause: failed });
    this.name = "RpcFailure";
    this.status = failed.code;
  }
}

const PERMANENT: ReadonlySet<number> = new Set<number>([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]);

/** True when the server answered and will not answer otherwise: repeating the call is pointless. */
export function isRefusal(failure: RpcFailure): boolean {
  return PERMANENT.has(failure.status);
}

/** True when the message was too large for one side. */
export function isTooLarge(failure: RpcFailure): boolean {
  return TOO_LARGE.has(failure.status);
}

/** True when the other side went away, or broke the call off. */
export function isBroken(failure: RpcFailure): boolean {
  return BROKEN.has(failure.status);
}

/**
 * Makes one call.
 * @throws RpcFailure with the status; CANCELLED when `signal` aborts.
 */
export function unary<Request, Response>(
  client: Client,
  method: UnaryMethod<Request, Response>,
  request: Request,
  options: UnaryOptions,
): Promise<Response> {
  const metadata = new Metadata();
  metadata.set(receiveMaxKey, String(receiveBytesMax));
  for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
  const callOptions: Partial<CallOptions> =
    options.timeoutMs === undefined ? {} : { deadline: inMs(options.timeoutMs) };
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      call.cancel();
    };
    const onAnswer = (error: ServiceError | null, response?: Response): void => {
      options.signal?.removeEventListener("abort", onAbort);
      if (error !== null) reject(new RpcFailure(error, options.host));
      else if (response === undefined)
        reject(new Error(`${method.path} was answered without a message`));
      else resolve(response);
    };
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      callOptions,
      onAnswer,
    );
    if (options.onMetadata !== undefined) call.on("metadata", options.onMetadata);
    const { onTrailer } = options;
    if (onTrailer !== undefined) call.on("status", ({ metadata }) => onTrailer(metadata));
    if (options.signal?.aborted === true) onAbort();
    else options.signal?.addEventListener("abort", onAbort, { once: true });
  });
}

// gRPC takes a moment of the wall clock; the difference to now is what counts.
function inMs(timeoutMs: number): Date {
  const moment = new Date();
  moment.setMilliseconds(moment.getMilliseconds() + timeoutMs);
  return moment;
}
