import { Option } from "@commander-js/extra-typings";
import type { CliContext } from "../../context.ts";
import { readSources } from "./source-texts.ts";
import { checkSources, type WrittenDocument } from "./written-documents.ts";

/** `-f`, as often as wanted. */
export function fileOption(): Option<"-f, --file <file>", undefined, undefined, string[], true> {
  return new Option(
    "-f, --file <file>",
    "manifests: a file, a folder (its *.yaml, *.yml and *.json), or - for standard input; may come more than once",
  )
    .argParser((file: string, before: string[] | undefined) => [...(before ?? []), file])
    .makeOptionMandatory();
}

/** `-R`. */
export function recursiveOption(): Option<"-R, --recursive"> {
  return new Option("-R, --recursive", "look into the folders of a folder too");
}

/** Every document behind `-f`, checked. @throws FlameError invalid_config for what cannot be read */
export async function documentsOf(
  { file, recursive }: { readonly file: readonly string[]; readonly recursive?: true },
  { stdin }: CliContext,
): Promise<readonly WrittenDocument[]> {
  return checkSources(await readSources(file, { recursive: recursive === true, stdin }));
}
