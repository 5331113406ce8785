import type { ServerWritableStream } from "@grpc/grpc-js";
import type { AuditLog } from "../../audit/audit-log.ts";
import { linesOf, matcherOf } from "../../audit/read-audit.ts";
import { FlameError } from "../../model/errors.ts";
import type {
  AdminServer,
  ReadAuditRequest,
  ReadAuditResponse,
} from "../../protocol/generated/flame/admin/v1/admin.ts";
import { drained, failStream } from "../calls/call-helpers.ts";

type AuditCall = ServerWritableStream<ReadAuditRequest, ReadAuditResponse>;

/** Lines that a follower has not taken yet; who is further behind begins anew. */
const behindMax = 10_000;

/** ReadAudit: docs/audit.md, 36.9. */
export function readAudit({
  audit,
}: {
  readonly audit: AuditLog | undefined;
}): AdminServer["readAudit"] {
  return (call) => {
    void (audit === undefined ? Promise.reject(notWritten()) : send(audit, call)).catch(
      (thrown: unknown) => {
        failStream(call, thrown);
      },
    );
  };
}

function notWritten(): FlameError {
  return new FlameError(
    "invalid_state",
    "no audit log is written here: cluster.audit.enabled is false in the configuration of the session manager",
  );
}

async function send(audit: AuditLog, call: AuditCall): Promise<void> {
  const { since, follow, ...texts } = call.request;
  const oldest = since === undefined ? undefined : Number(since);
  const isWanted = matcherOf({ ...texts, since: oldest });
  const followed = new Followed(call);
  const reading = await audit.read(follow ? followed.take : undefined);
  try {
    for (const file of reading.files) {
      if (oldest !== undefined && file.changedMs < oldest) continue;
      for await (const lines of linesOf(file)) await write(call, isWanted, lines);
    }
    await write(call, isWanted, reading.waiting);
    while (follow && !call.cancelled) await write(call, isWanted, await followed.next());
    call.end();
  } finally {
    reading.stop();
  }
}

async function write(
  call: AuditCall,
  isWanted: (line: string) => boolean,
  given: readonly string[],
): Promise<void> {
  if (call.cancelled) return;
  const lines = given.filter(isWanted);
  if (lines.length > 0 && !call.write({ lines })) await drained(call);
}

/** What is written while somebody reads. */
class Followed {
  readonly #call: AuditCall;
  #lines: string[] = [];
  #arrived: (() => void) | undefined;

  constructor(call: AuditCall) {
    this.#call = call;
    call.on("cancelled", () => this.#arrived?.());
  }

  readonly take = (line: string): void => {
    if (this.#lines.length <= behindMax) this.#lines.push(line);
    this.#arrived?.();
  };

  /**
   * When there are some, or the client wants no more: then none.
   * @throws FlameError resource_exhausted when the client is too far behind
   */
  async next(): Promise<readonly string[]> {
    if (this.#lines.length === 0 && !this.#call.cancelled)
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    this.#arrived = undefined;
    if (this.#lines.length > behindMax) {
      const text = `a follower of the audit log is more than ${behindMax} lines behind: read faster, or read again with since`;
      throw new FlameError("resource_exhausted", text);
    }
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}
