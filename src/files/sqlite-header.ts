import { open } from "node:fs/promises";

const header = Buffer.from("SQLite format 3\0");

/** Whether a file begins as SQLite databases do. */
export async function isDatabaseFile(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const read = await handle.read(Buffer.alloc(header.length), 0, header.length, 0);
    return read.buffer.equals(header);
  } finally {
    await handle.close();
  }
}
