import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";

/** So many characters of a stack are told. */
const stackCharactersMax = 8_192;
/** A frame of code that whoever wrote the service has not written. */
const othersFrame = /^\s+at .*(\(?node:internal\/|\/node_modules\/flame-ts\/)/;

/**
 * What a client is told of something that a service threw: the text of a FlameError, which is meant to be read; else name,
 * text and stack without the frames of Node.js and of this package.
 */
export function toldFailure(thrown: unknown): string {
  if (thrown instanceof FlameError) return thrown.message;
  const stack = stackOf(thrown);
  if (stack === undefined) return textOf(thrown);
  const lines = stack.split("\n").filter((line) => !othersFrame.test(line));
  return lines.join("\n").slice(0, stackCharactersMax);
}

function stackOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("stack" in thrown)) return undefined;
  return typeof thrown.stack === "string" ? thrown.stack : undefined;
}
