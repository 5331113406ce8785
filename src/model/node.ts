import type { Identity } from "./caller.ts";
import { FlameError } from "./errors.ts";
import type { Shim } from "./executor.ts";
import type { Resources } from "./resources.ts";

/**
 * - Ready: its watch stream lives.
 * - Unknown: stream lost, or not yet back after a restart; its leases are kept for the grace time.
 * - NotReady: the grace time passed; its executors are gone and their tasks are Pending again.
 */
export type NodeState = "Unknown" | "Ready" | "NotReady";

/** One node as it is stored. */
export interface NodeRecord {
  readonly name: string;
  readonly state: NodeState;
  readonly capacity: Resources;
  readonly allocatable: Resources;
  readonly arch: string;
  readonly os: string;
  /** Learnt when one of its executors registers; absent before. */
  readonly shim?: Shim;
  /** Unix milliseconds of the last registration or heartbeat. */
  readonly lastHeartbeat: number;
  /** The start of our executor manager that speaks for it; absent for a published one. */
  readonly instance?: string;
  /** `host:port` from which it registered. */
  readonly address?: string;
  /** The id of the {@link Identity} that registered it, to which its name belongs; absent where nobody has to prove one. */
  readonly owner?: string;
}

/** Who calls in the name of a node. */
export interface NodeCaller {
  /** One start of an executor manager of ours; published ones do not tell. */
  readonly instance?: string;
  /** Instances before it, which are known to have ended. */
  readonly follows?: readonly string[];
  /** `host:port` of its connection. */
  readonly address?: string;
  readonly identity?: Identity;
}

/** What a node says of itself when it registers or beats. */
export interface NodeReport {
  readonly name: string;
  readonly capacity?: Resources;
  readonly allocatable?: Resources;
  readonly arch?: string;
  readonly os?: string;
}

/** An executor as a registering node reports it. */
export interface ReportedExecutor {
  readonly id: string;
  readonly state: string;
  readonly shim: Shim;
}

const nodeNameBytesMax = 253;
const nodeFactBytesMax = 64;
// eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

/** What a node says of its architecture or operating system. @throws FlameError invalid_argument when nothing is called so. */
export function checkedNodeFact(text: string, what: "arch" | "os"): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= nodeFactBytesMax && !CONTROL.test(text)) return text;
  throw new FlameError(
    "invalid_argument",
    `invalid ${what}: got ${JSON.stringify(text.slice(0, 80))} (${bytes} bytes), expected at most ` +
      `${nodeFactBytesMax} bytes without control characters, such as ${what === "arch" ? "x86_64" : "linux"}`,
  );
}

/** docs/protocol.md, "Nodes". @throws FlameError invalid_argument when a node cannot have this name. */
export function checkNodeName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes >= 1 && bytes <= nodeNameBytesMax && !CONTROL.test(name)) return;
  throw new FlameError(
    "invalid_argument",
    `invalid node name: got ${JSON.stringify(name.slice(0, 80))} (${bytes} bytes), expected 1 to ` +
      `${nodeNameBytesMax} bytes without control characters, such as the host's name`,
  );
}
