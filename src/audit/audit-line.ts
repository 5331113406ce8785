import type { CallTarget } from "./call-target.ts";

/** One line of the audit log, but for its time: docs/audit.md, 36.2. */
export interface AuditLine {
  /** The id that the log lines of the daemons have for the same call. */
  readonly request?: string;
  /** The name of the caller; absent while it is not known who calls. */
  readonly who?: string;
  /** What tells so. */
  readonly by?: string;
  /** What it has proved to be, such as `name alice`; absent where nobody is asked to. */
  readonly identity?: string;
  /** The address that it calls from. */
  readonly from?: string;
  readonly listener?: string;
  /** Such as `flame.v1.Frontend/CloseSession`. */
  readonly method?: string;
  readonly on?: CallTarget;
  /** The name of the gRPC status; `OPENED` of a stream that begins, `REFUSED` of a Result with another return code than 0. */
  readonly outcome?: string;
  readonly message?: string;
  readonly seconds?: number;
  /** The caller did not wait for the answer. */
  readonly client_gone?: true;
  /** Messages of a stream, to and from the session manager. */
  readonly received?: number;
  readonly sent?: number;
  /** Calls like this one that were not written down, in the minute that ends here. */
  readonly repeated?: number;
  /** Said by the log of itself. */
  readonly note?: string;
}
