import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { nodeMarkFile, serviceLogFolder } from "../process/service-logs.ts";

/** Shows a session manager of the same FLAME_HOME that it can read this node's logs (docs/protocol.md, "Administration"). */
export async function leaveNodeMark(home: string, node: string, logger: Logger): Promise<void> {
  const file = nodeMarkFile(home, node);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${serviceLogFolder(home)}\n`);
  } catch (thrown) {
    logger.warn({ file, error: textOf(thrown) }, "flmctl logs will not find this node's logs");
  }
}
