import { Option } from "@commander-js/extra-typings";

/** How `list` and `view` print. */
export type OutputForm = "table" | "wide" | "name" | "json" | "yaml";

/** `-o`, with the forms that a command has; the first is the default. */
export function outputOption<const F extends OutputForm>(
  forms: readonly [F, ...F[]],
): Option<"-o, --output <form>", undefined, F, undefined, false, F> {
  return new Option("-o, --output <form>", "how to print").choices(forms).default(forms[0]);
}

/** The published long name of `-o`, understood but not advertised. */
export function publishedOutputOption<const F extends OutputForm>(
  forms: readonly [F, ...F[]],
): Option<"--output-format <form>", undefined, undefined, undefined, false, F> {
  return new Option("--output-format <form>").choices(forms).hideHelp();
}

/** `--force`, for applications that a file or tool keeps. */
export function forceOption(): Option<"--force"> {
  return new Option(
    "--force",
    "change what a file or tool keeps; history records it, and it lasts until that one is applied again",
  );
}

/** `--owner`, for tools that keep applications. */
export function ownerOption(): Option<"--owner <name>"> {
  return new Option(
    "--owner <name>",
    "the file or tool that keeps these applications from now on: others then need --force",
  );
}
