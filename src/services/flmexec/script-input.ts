import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";

/** A script that a task of flmexec asks for (docs/protocol.md, "flmexec"). */
export interface ScriptInput {
  readonly language: "shell" | "python";
  /** A Python version such as 3.12, or a shell; undefined: flmrun's Python, or bash. */
  readonly runtime: string | undefined;
  readonly code: string;
  /** What the script reads from its standard input. */
  readonly input: Buffer;
}

const EXPECTED =
  'expected JSON such as {"language": "shell", "code": "echo hi", "input": null} (language shell or python, input a list of bytes)';

/** @throws FlameError invalid_argument saying what was found and what was expected. */
export function readScriptInput(payload: Buffer | undefined): ScriptInput {
  let parsed: unknown;
  try {
    parsed = JSON.parse((payload ?? Buffer.alloc(0)).toString("utf8"));
  } catch (cause) {
    throw refused(textOf(cause), cause);
  }
  if (typeof parsed !== "object" || parsed === null) throw refused(`got ${JSON.stringify(parsed)}`);
  const { language, runtime, code, input } = parsed as Record<string, unknown>;
  if (typeof code !== "string") throw refused("code is missing");
  if (runtime !== undefined && runtime !== null && typeof runtime !== "string")
    throw refused("runtime is no text");
  return {
    language: languageOf(language),
    runtime: runtimeOf(runtime ?? undefined),
    code,
    input: bytesOf(input),
  };
}

/** Blanks name nothing. */
function runtimeOf(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === "" ? undefined : trimmed;
}

function languageOf(value: unknown): ScriptInput["language"] {
  const name = typeof value === "string" ? value.toLowerCase() : value;
  if (name === "shell" || name === "python") return name;
  throw refused(
    value === undefined ? "language is missing" : `language is ${JSON.stringify(value)}`,
  );
}

function bytesOf(value: unknown): Buffer {
  if (value === undefined || value === null) return Buffer.alloc(0);
  const isByte = (each: unknown): each is number =>
    typeof each === "number" && Number.isInteger(each) && each >= 0 && each <= 255;
  if (Array.isArray(value) && value.every(isByte)) return Buffer.from(value);
  throw refused("input is no list of bytes");
}

function refused(found: string, cause?: unknown): FlameError {
  return new FlameError("invalid_argument", `invalid flmexec input: ${found}, ${EXPECTED}`, {
    cause,
  });
}
