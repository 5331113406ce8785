import { gotText } from "../documents/fault.ts";
import type { SchemaFault } from "../documents/schema-check.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { hasProgram, isHost } from "./missing-command.ts";

/** What every service gets from its node, whatever the application says (docs/protocol.md, "Services"). */
export const VARIABLES_OF_THE_NODE: readonly string[] = [
  "RUST_LOG",
  "FLAME_LOG",
  "FLAME_INSTANCE_ENDPOINT",
  "FLAME_TASKS_ENDPOINT",
  "FLAME_ENDPOINT",
  "FLAME_HOME",
];

/**
 * What a manifest may say, and what will come of it that its writer may not expect: in the words of a fault, whose hint
 * says what would happen. A warning refuses nothing.
 */
export function warningsOf(manifest: ApplicationManifestSpec): readonly SchemaFault[] {
  return [
    ...commandWarnings(manifest),
    ...instanceWarnings(manifest),
    ...labelWarnings(manifest.labels ?? []),
    ...variableWarnings(manifest.environments ?? {}),
  ];
}

type Path = SchemaFault["at"];

function warning(rule: string, at: Path, got: string, expected: string, hint: string): SchemaFault {
  return { rule, at, part: "value", got, expected, hint };
}

function commandWarnings({
  shim,
  command,
  working_directory: folder,
}: ApplicationManifestSpec): readonly SchemaFault[] {
  const at = ["spec", "command"];
  if (command === undefined || !hasProgram(command)) {
    const expected = isHost(shim) ? "the program of the service" : "the path of the component";
    const hint = "no service of it can start: the tasks of its sessions stay Pending";
    return [warning("missing-command", at, gotText(command), expected, hint)];
  }
  if (!isHost(shim)) return [];
  if (looksLikeShell(command)) {
    const hint = "no shell reads it: a program of this whole name is looked for";
    const expected = "the program alone, and what it is called with in arguments";
    return [warning("command-line", at, gotText(command), expected, hint)];
  }
  if (command.startsWith("~")) {
    const hint = "no shell reads it: ~ stays as it is, and names no folder of a user";
    return [warning("relative-command", at, gotText(command), ABSOLUTE, hint)];
  }
  if (!command.includes("/") || /^[/$]/.test(command)) return [];
  const where =
    folder === undefined
      ? "in the new, empty folder that each service starts in, where it cannot be"
      : `in ${folder} of the node`;
  const hint = `it is looked for ${where}`;
  return [warning("relative-command", at, gotText(command), ABSOLUTE, hint)];
}

const ABSOLUTE =
  "an absolute path, one that begins with a variable such as ${FLAME_HOME}, or the bare name of a program on PATH";

/** `python main.py` or `/usr/bin/python -m app`; not the path of a program in a folder whose name has a blank. */
function looksLikeShell(command: string): boolean {
  const [first = "", ...others] = command.trim().split(/\s+/);
  if (others.length === 0) return false;
  return !/^[/$]/.test(first) || others.some((word) => word.indexOf("/") <= 0);
}

function instanceWarnings({
  max_instances: most,
}: ApplicationManifestSpec): readonly SchemaFault[] {
  if (most !== 0) return [];
  const hint = "no service of it is ever started: the tasks of its sessions stay Pending";
  const at = ["spec", "max_instances"];
  return [warning("no-instances", at, "0", "at least 1, or no max_instances for no limit", hint)];
}

function labelWarnings(labels: readonly string[]): readonly SchemaFault[] {
  const seen = new Map<string, number>();
  return labels.flatMap((label, index) => {
    const at = ["spec", "labels", index];
    const first = seen.get(label);
    seen.set(label, first ?? index);
    if (label.trim() === "") {
      const hint = "it shows as an empty tag";
      return [warning("empty-label", at, gotText(label), "a word", hint)];
    }
    if (first === undefined) return [];
    const got = `${gotText(label)} again, as in labels[${first}]`;
    return [warning("repeated-label", at, got, "each label once", "it shows as two tags")];
  });
}

function variableWarnings(environments: Readonly<Record<string, string>>): readonly SchemaFault[] {
  return Object.keys(environments).flatMap((name) => {
    const at = ["spec", "environments", name];
    const fault = (rule: string, expected: string, hint: string): readonly SchemaFault[] => [
      { ...warning(rule, at, gotText(name), expected, hint), part: "key" },
    ];
    if (VARIABLES_OF_THE_NODE.includes(name)) {
      const hint = "what is set here is never seen";
      return fault("variable-of-node", "another name: the node itself sets this one", hint);
    }
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return [];
    const expected = "a name of letters, digits and _, not beginning with a digit";
    const hint = "the service gets it, but a shell does not know it and may not hand it on";
    return fault("variable-name", expected, hint);
  });
}
