import { FlameError } from "../model/errors.ts";
import {
  notDurable,
  type ObjectKey,
  parseObjectKey,
  parsePutTarget,
  quoted,
} from "./object-key.ts";

/** What the descriptor of a DoPut asks for. */
export interface PutTarget {
  readonly operation: "put" | "patch";
  readonly key: ObjectKey;
  readonly generated: boolean;
  readonly durable: boolean;
}

const PATCH_COMMAND = "PATCH:";

/**
 * Reads `path[0]` (put) or the command `PATCH:<key>` (docs/object-cache.md, section 3).
 * @param durable whether it is to outlive a power cut
 * @throws FlameError invalid_argument when it is neither, or holds a bad key.
 */
export function readPutTarget(
  descriptor: { readonly path: readonly string[]; readonly cmd: Buffer },
  newId: () => string,
  durable = true,
): PutTarget {
  const [path] = descriptor.path;
  if (path !== undefined) {
    return { operation: "put", ...parsePutTarget(path, newId, durable), durable };
  }
  const command = readUtf8(descriptor.cmd, "the descriptor's command");
  if (command.startsWith(PATCH_COMMAND)) {
    const key = parseObjectKey(command.slice(PATCH_COMMAND.length));
    if (!durable) throw notDurable(`it is a patch of ${quoted(key.text)}`);
    return { operation: "patch", key, generated: false, durable };
  }
  throw new FlameError(
    "invalid_argument",
    `the flight descriptor names no object: expected a path with the key, or the command "PATCH:<key>", got ` +
      (command === "" ? "neither" : `the command ${quoted(command)}`),
  );
}

/**
 * Text that a client sent as bytes.
 * @throws FlameError invalid_argument when it is not UTF-8.
 */
export function readUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FlameError("invalid_argument", `${what} is not UTF-8 text`, { cause });
  }
}
