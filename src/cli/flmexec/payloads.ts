/** The JSON bytes that the flmexec service takes and gives (docs/protocol.md, "flmexec"). */
import { FlameError } from "../../model/errors.ts";

/** What a script can be written in. */
export const languages = ["shell", "python"] as const;

/** Input of a task. */
export interface Script {
  readonly language: (typeof languages)[number];
  /** A Python version or interpreter, or a shell; absent: flmrun's Python, or bash. */
  readonly runtime?: string;
  readonly code: string;
  /** The script's standard input; absent: nothing. */
  readonly input?: readonly number[];
}

export function encodeScript({ language, runtime, code, input }: Script): Buffer {
  const document = {
    language,
    ...(runtime === undefined ? {} : { runtime }),
    code,
    input: input ?? null,
  };
  return Buffer.from(JSON.stringify(document));
}

/**
 * The bytes that a script printed.
 * @throws FlameError internal when the output is of another service than flmexec's.
 */
export function decodePrinted(output: Buffer | undefined): readonly number[] {
  const text = (output ?? Buffer.alloc(0)).toString("utf8");
  let data: unknown;
  try {
    data = (JSON.parse(text) as { data?: unknown } | null)?.data;
  } catch {
    // Told below, with what was got.
  }
  const isByte = (each: unknown): each is number => Number.isInteger(each);
  if (Array.isArray(data) && data.every(isByte)) return data;
  throw new FlameError(
    "internal",
    `the output of a task is not what flmexec's service answers: got ${JSON.stringify(text.slice(0, 80))}, ` +
      'expected {"data": [BYTE, ...]}; look at the application: flmctl view app flmexec',
  );
}
