/** The JSON bytes that the flmping service takes and gives (docs/protocol.md, "flmping"). */

/** Input of a task. */
export interface PingWork {
  /** How long the task takes, in milliseconds; null: no time. */
  readonly duration: number | null;
  /** How much memory it touches, in bytes; null: none. */
  readonly memory: number | null;
}

export function encodeWork(work: PingWork): Buffer {
  return Buffer.from(JSON.stringify({ duration: work.duration, memory: work.memory }));
}

export function encodeCommonData(value: string): Buffer {
  return Buffer.from(JSON.stringify({ value }));
}

/** The message of a task's output; the bytes themselves when they are no such JSON. */
export function decodeMessage(output: Buffer | undefined): string {
  if (output === undefined) return "";
  const text = output.toString("utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "message" in parsed) {
      return String(parsed.message);
    }
  } catch {
    // Another service than flmping's may stand behind the name; its answer is shown as it is.
  }
  return text;
}
