import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from "@grpc/grpc-js";
import { randomId } from "../kit/ids.ts";
import { startStopwatch } from "../kit/stopwatch.ts";
import { readPrintable, requestIdKey } from "../protocol/request-id.ts";
import { callerOf } from "../security/authentication.ts";
import { type AuditKind, accessOf } from "../security/rpc-access.ts";
import type { AuditLine } from "./audit-line.ts";
import type { AuditLog } from "./audit-log.ts";
import { type CallTarget, targetOf } from "./call-target.ts";
import { hostOf, shortened } from "./short-texts.ts";
import { StreamTarget } from "./stream-target.ts";

type Listener = Parameters<ServerInterceptingCall["start"]>[0];
type Status = Parameters<ServerInterceptingCall["sendStatus"]>[0];

/** Answers that come again and again from who is not let in, or is told to wait. */
const repeatedCodes: ReadonlySet<status> = new Set([
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.UNAVAILABLE,
]);
const refusedCodes: ReadonlySet<status> = new Set([
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
]);

/**
 * Writes the calls of one listener into the audit log. To stand before whoever refuses calls.
 * @param listener its name in the lines
 */
export function auditing(log: AuditLog, listener: string): ServerInterceptor {
  return ({ path }, call) => {
    // What nobody has decided on is written down.
    const kind = accessOf(path)?.audit ?? "each";
    if (kind === "nothing") return new ServerInterceptingCall(call);
    const about = { log, listener, path, peer: call.getPeer() };
    return kind === "stream" ? new AuditedStream(call, about) : new AuditedCall(call, about, kind);
  };
}

interface About {
  readonly log: AuditLog;
  readonly listener: string;
  readonly path: string;
  readonly peer: string;
}

/** What calls and streams have in common: who makes them, and how they end. */
abstract class Audited extends ServerInterceptingCall {
  readonly about: About;
  readonly #elapsed = startStopwatch();
  #metadata: Metadata | undefined;
  #ended = false;

  constructor(call: ServerInterceptingCallInterface, about: About) {
    super(call);
    this.about = about;
  }

  override start(listener: Listener): void {
    super.start({
      onReceiveMetadata: (metadata) => {
        this.#metadata = metadata;
        // One id for the lines of the audit log and those of the daemon's own.
        if (this.isNamed && readPrintable(metadata.get(requestIdKey)) === undefined)
          metadata.set(requestIdKey, randomId());
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (message: unknown) => {
        this.received(message);
        listener.onReceiveMessage(message);
      },
      onReceiveHalfClose: () => {
        listener.onReceiveHalfClose();
      },
      onCancel: () => {
        this.cancelled();
        listener.onCancel();
      },
    });
  }

  override sendStatus(sent: Status): void {
    this.end(sent.code, sent.details);
    super.sendStatus(sent);
  }

  /** Whether each of these calls has an id. */
  protected abstract readonly isNamed: boolean;
  protected abstract received(message: unknown): void;
  protected abstract cancelled(): void;
  protected abstract write(code: status, details: string): void;

  /** Once, whatever comes first. */
  protected end(code: status, details: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.write(code, details);
  }

  protected get request(): string | undefined {
    return this.#metadata && readPrintable(this.#metadata.get(requestIdKey));
  }

  /** Nobody, while nobody was told apart from others: who is refused is not known. */
  protected who(code: status): Pick<AuditLine, "who" | "by" | "identity"> {
    if (this.#metadata === undefined || code === status.UNAUTHENTICATED) return {};
    const { peer } = this.about;
    const caller = callerOf({ metadata: this.#metadata, getPeer: () => peer });
    const { name, authenticatedBy, identity } = caller;
    return { who: name, by: authenticatedBy, ...(identity && { identity: identity.id }) };
  }

  protected line(
    ended: { readonly code: status; readonly outcome: string; readonly message: string },
    on: CallTarget | undefined,
    more: Partial<AuditLine> = {},
  ): AuditLine {
    const { path, peer, listener } = this.about;
    const { code, outcome, message } = ended;
    const { request } = this;
    return {
      ...(request !== undefined && { request }),
      ...this.who(code),
      from: peer,
      listener,
      method: path.slice(1),
      ...(on !== undefined && { on }),
      outcome,
      ...(message !== "" && { message: shortened(message) }),
      seconds: rounded(this.#elapsed()),
      ...more,
    };
  }

  /** Who calls from where, as those are told apart that are counted. */
  protected key(code: status, ...more: readonly string[]): string {
    const { who, identity } = this.who(code);
    const { peer, listener } = this.about;
    return JSON.stringify([code, listener, hostOf(peer), who, identity, ...more]);
  }

  /** Whoever is not let in is one thing, whatever it asks for. */
  protected refused(code: status, line: () => AuditLine): void {
    const what = code === status.UNAUTHENTICATED ? [] : [this.about.path];
    this.about.log.refused(this.key(code, ...what), line);
  }
}

/** One answer, or a reply in pieces. */
class AuditedCall extends Audited {
  readonly #kind: AuditKind;
  readonly isNamed: boolean;
  #asked: unknown;
  #told: unknown;
  #gone = false;

  constructor(call: ServerInterceptingCallInterface, about: About, kind: AuditKind) {
    super(call, about);
    this.#kind = kind;
    this.isNamed = kind === "each";
  }

  override sendMessage(message: unknown, callback: () => void): void {
    if (this.isNamed) this.#told = message;
    super.sendMessage(message, callback);
  }

  received(message: unknown): void {
    this.#asked = message;
  }

  /** What was begun is carried out, and its answer comes, though nobody waits for it. */
  cancelled(): void {
    this.#gone = true;
  }

  write(code: status, details: string): void {
    const { log, path } = this.about;
    const line = (): AuditLine => this.#line(code, details);
    if (repeatedCodes.has(code)) {
      if (this.#kind !== "refusals" || refusedCodes.has(code)) this.refused(code, line);
      return;
    }
    if (this.#kind === "each") log.write(line());
    else if (this.#kind === "counted") {
      const { application, session, node } = targetOf(path, this.#asked) ?? {};
      log.counted(this.key(code, path, application ?? "", session ?? "", node ?? ""), line);
    }
  }

  #line(code: status, details: string): AuditLine {
    const { path } = this.about;
    const ended = outcomeOf({ code, details, told: this.#told, path });
    const on = targetOf(path, this.#asked, this.#told);
    return this.line(ended, on, this.#gone ? { client_gone: true } : {});
  }
}

/** Lasts as long as its client wants: a line when it begins and one when it ends. */
class AuditedStream extends Audited {
  readonly isNamed = true;
  readonly #target: StreamTarget;
  #received = 0;
  #sent = 0;

  constructor(call: ServerInterceptingCallInterface, about: About) {
    super(call, about);
    this.#target = new StreamTarget(about.path);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    this.#sent++;
    super.sendMessage(message, callback);
  }

  received(message: unknown): void {
    const isFirst = this.#received === 0;
    this.#received++;
    this.#target.take(message, isFirst);
    if (!isFirst) return;
    const opened = { code: status.OK, outcome: "OPENED", message: "" };
    this.about.log.write(this.line(opened, this.#target.target));
  }

  cancelled(): void {
    this.end(status.CANCELLED, "");
  }

  write(code: status, details: string): void {
    const ended = outcomeOf({ code, details, told: undefined, path: this.about.path });
    const counts = { received: this.#received, sent: this.#sent };
    const line = (): AuditLine => this.line(ended, this.#target.target, counts);
    // One that was refused before it began has no line yet that would need its end.
    if (repeatedCodes.has(code) && this.#received === 0) this.refused(code, line);
    else this.about.log.write(line());
  }
}

/** Calls whose faults quote manifests, in which there may be passwords. */
const quoting = /\/(Apply|Rollback|RegisterApplication|UpdateApplication)$/;

function outcomeOf(ended: {
  readonly code: status;
  readonly details: string;
  readonly told: unknown;
  readonly path: string;
}): { code: status; outcome: string; message: string } {
  const { code, details, told, path } = ended;
  const outcome = status[code];
  if (code === status.INVALID_ARGUMENT && quoting.test(path))
    return { code, outcome, message: "the manifest was refused; its client and the log read why" };
  if (code !== status.OK) return { code, outcome, message: details };
  // The published calls answer so what the registry and the machine refuse.
  const { returnCode, message } = (told ?? {}) as { returnCode?: number; message?: string };
  if (returnCode === undefined || returnCode === 0) return { code, outcome, message: "" };
  return { code, outcome: "REFUSED", message: message ?? "" };
}

const rounded = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;
