import { gotText, pathText } from "../documents/fault.ts";
import { FAULTS_MAX, type SchemaFault } from "../documents/schema-check.ts";

/** What is read of a document; wrong types included. */
interface Raw {
  readonly metadata?: { readonly name?: unknown } | null;
  readonly spec?: { readonly shim?: unknown; readonly command?: unknown } | null;
}

/**
 * The fault of a Host application without a command, if it is one: no service of it could ever start. Left out where
 * another fault says what happened to the command (a misspelt key, one in the wrong place, a value of another type).
 * @param others the faults that were found already
 */
export function missingCommand(
  raw: Raw | null | undefined,
  others: readonly SchemaFault[],
): readonly SchemaFault[] {
  const spec = raw?.spec;
  if (typeof spec !== "object" || spec === null || Array.isArray(spec)) return [];
  if (!isHost(spec.shim) || hasProgram(spec.command)) return [];
  if (others.some(isAboutCommand) || others.length >= FAULTS_MAX) return [];
  const name = typeof raw?.metadata?.name === "string" ? raw.metadata.name : "";
  return [
    {
      rule: "missing-command",
      at: ["spec", "command"],
      part: spec.command === undefined ? "key" : "value",
      got: gotText(spec.command),
      expected: "the program of the service, which an application of the shim Host starts",
      hint: `a manifest is the whole application, not a change of it: to change one that is registered, begin with what this prints: flmctl get app ${SHELL_SAFE.test(name) ? name : "NAME"}`,
    },
  ];
}

/** Whether an application of this shim starts a program on the node; absent is Host. */
export function isHost(shim: unknown): boolean {
  return shim === undefined || shim === "Host";
}

/** Whether a command names anything at all. */
export function hasProgram(command: unknown): boolean {
  return command !== undefined && !(typeof command === "string" && command.trim() === "");
}

const SHELL_SAFE = /^[\w.-]{1,253}$/;

function isAboutCommand({ at, hint = "" }: SchemaFault): boolean {
  return pathText(at) === "spec.command" || /"command"|: spec\.command$/.test(hint);
}
