import { Argument } from "@commander-js/extra-typings";
import { FlameError } from "../../model/errors.ts";

/** What flmctl lists and views. */
export type Kind = "app" | "session" | "task" | "executor" | "node" | "cluster";

const aliases: Readonly<Record<string, Kind>> = {
  app: "app",
  apps: "app",
  application: "app",
  applications: "app",
  session: "session",
  sessions: "session",
  ssn: "session",
  task: "task",
  tasks: "task",
  executor: "executor",
  executors: "executor",
  node: "node",
  nodes: "node",
  cluster: "cluster",
};

/**
 * The kind behind a word of the command line, singular or plural.
 * @throws FlameError invalid_config for any other word.
 */
export function kindOf<K extends Kind>(word: string, kinds: readonly K[]): K {
  const meant = aliases[word.toLowerCase()];
  const kind = kinds.find((each) => each === meant);
  if (kind === undefined) throw unsupported(`got "${word}"`, kinds);
  return kind;
}

/** The error of a command line that names nothing to act on, or too much. */
export function unsupported(got: string, kinds: readonly Kind[]): FlameError {
  return new FlameError(
    "invalid_config",
    `unsupported parameters: ${got}, expected one of ${kinds.join(", ")}; see --help`,
  );
}

/** The first word of the natural forms; shells complete it, {@link kindOf} reads it. */
export function kindArgument(what: string, kinds: readonly Kind[]): Argument<"[kind]"> {
  const argument = new Argument("[kind]", `${what}: ${kinds.join(", ")}`);
  argument.argChoices = [...kinds];
  return argument;
}
