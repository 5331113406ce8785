import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { AuditLog } from "../../src/audit/audit-log.ts";
import { systemClock } from "../../src/kit/clock.ts";
import { silentLogger } from "../../src/kit/logger.ts";
import { noSmallDisk, type SmallDisk, smallDisk } from "../support/small-disk.ts";
import { waitFor } from "../support/wait-for.ts";

const reason = noSmallDisk();
if (reason !== undefined) process.stderr.write(`audit-full-disk.test.ts: skipped, ${reason}\n`);
const onSmallDisk = reason === undefined ? describe : describe["skip"];

let disk: SmallDisk | undefined;
let log: AuditLog | undefined;
afterEach(async () => {
  await log?.close();
  disk?.remove();
});

/** More than half a page of a file system in memory: a write of several fits in part. */
const filler = "x".repeat(3000);

onSmallDisk("the audit log on a disk that is full", () => {
  it("keeps what it could not write whole, and writes each line once when there is room", async () => {
    disk = smallDisk(1024 * 1024);
    const file = join(disk.path, "audit", "log.jsonl");
    const failures: string[] = [];
    const logger = {
      ...silentLogger,
      error: (_: object, text: string) => void failures.push(text),
    };
    const limits = { fileBytesMax: 512 * 1024, filesMax: 2 };
    log = new AuditLog({ clock: systemClock, logger }, { file, ...limits });
    const numbers = (): unknown[] =>
      readFileSync(file, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as Record<string, unknown>)["request"]);
    const write = (number: number): void => log?.write({ request: `${number}`, note: filler });
    write(1);
    await log.settled();
    disk.fill();
    for (let number = 2; number <= 10; number++) write(number);
    await log.settled();
    expect(failures).toEqual([expect.stringContaining("ENOSPC")]);
    expect(numbers()).toEqual(["1", "2"].slice(0, numbers().length));
    disk.empty();
    await waitFor("all lines", () => numbers().length >= 10);
    expect(numbers()).toEqual(Array.from({ length: 10 }, (_, at) => `${at + 1}`));
  });
});
