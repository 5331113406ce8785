import { parseArgs } from "node:util";
import { textOf } from "../kit/thrown.ts";

/** How a daemon is called. */
export interface DaemonUsage {
  /** Such as `flame-executor-manager`. */
  readonly name: string;
  readonly version: string;
  /** One sentence: what the daemon is. */
  readonly purpose: string;
  /** Options with a value, and what they mean; `--help` and `--version` are every daemon's. */
  readonly options: readonly {
    readonly name: string;
    readonly value: string;
    readonly help: string;
  }[];
}

/** The values of a daemon's options, or what to print and exit with instead of starting. */
export type DaemonArguments =
  | { readonly values: Readonly<Record<string, string | undefined>> }
  | { readonly exitCode: 0; readonly stdout: string }
  | { readonly exitCode: 2; readonly stderr: string };

/** The option of every daemon that reads `flame-cluster.yaml`. */
export const configOption = {
  name: "config",
  value: "FILE",
  help: "the cluster configuration (default: FLAME_HOME/conf/flame-cluster.yaml)",
} as const;

/** Reads a daemon's arguments. Never throws: what cannot be read is told in one line, with the usage. */
export function readDaemonArguments(usage: DaemonUsage, args: readonly string[]): DaemonArguments {
  try {
    const text = { type: "string" } as const;
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(usage.options.map(({ name }) => [name, text])),
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "V" },
      },
    });
    const { help, version, ...rest } = values;
    if (help === true) return { exitCode: 0, stdout: helpOf(usage) };
    if (version === true) return { exitCode: 0, stdout: `${usage.name} ${usage.version}` };
    return { values: rest };
  } catch (thrown) {
    // The library explains how positional arguments could be escaped; the first sentence is what matters.
    const [reason = ""] = textOf(thrown).split(/\.\s|\n/);
    return { exitCode: 2, stderr: `error: ${reason}\n${usageLine(usage)}` };
  }
}

function usageLine({ name, options }: DaemonUsage): string {
  const own = options.map((option) => `[--${option.name} ${option.value}]`).join(" ");
  return `usage: ${name} ${own} [--version] [--help]`;
}

function helpOf(usage: DaemonUsage): string {
  const rows = [
    ...usage.options.map(({ name, value, help }) => [`--${name} ${value}`, help]),
    ["-V, --version", "prints the version"],
    ["-h, --help", "prints this"],
  ];
  const width = Math.max(...rows.map(([left = ""]) => left.length));
  const lines = rows.map(([left = "", help]) => `  ${left.padEnd(width)}  ${help}`);
  return [usageLine(usage), "", usage.purpose, "", ...lines].join("\n");
}
