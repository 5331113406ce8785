import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ServerWritableStream } from "@grpc/grpc-js";
import type {
  AdminServer,
  BackupPiece,
  BackupRequest,
} from "../../protocol/generated/flame/admin/v1/admin.ts";
import type { Store } from "../../storage/store.ts";
import { drained, failStream } from "../calls/call-helpers.ts";

export interface BackupDeps {
  readonly store: Store;
  /** Where the copy stands while it is being sent: beside the database, where there is room for another one. */
  readonly folder: string;
}

/** Bytes of a piece. */
const pieceBytes = 1024 * 1024;

/** Backup: docs/protocol.md, "Administration". */
export function backup(deps: BackupDeps): AdminServer["backup"] {
  return (call) => {
    void send(deps, call).catch((thrown: unknown) => {
      failStream(call, thrown);
    });
  };
}

async function send(
  { store, folder }: BackupDeps,
  call: ServerWritableStream<BackupRequest, BackupPiece>,
): Promise<void> {
  const scratch = await mkdtemp(join(folder, "backup-"));
  try {
    const copy = join(scratch, "flame.db");
    await store.backup(copy);
    for await (const data of createReadStream(copy, { highWaterMark: pieceBytes })) {
      if (call.cancelled) return;
      if (!call.write({ data: data as Buffer })) await drained(call);
    }
    call.end();
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
