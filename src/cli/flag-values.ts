import { InvalidArgumentError } from "@commander-js/extra-typings";
import { textOf } from "../kit/thrown.ts";
import { parseResources, type Resources } from "../model/resources.ts";

/** Reads `cpu=N,mem=SIZE,gpu=N` of a flag; anything else is a usage error. */
export function resourcesOption(text: string): Resources {
  try {
    return parseResources(text);
  } catch (thrown) {
    throw new InvalidArgumentError(textOf(thrown));
  }
}

/** Reads a whole number from 0 to 4,294,967,295 of a flag; anything else is a usage error. */
export function countOption(text: string): number {
  const count = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (count <= 0xffff_ffff) return count;
  throw new InvalidArgumentError(`got "${text}", expected a whole number from 0 to 4294967295`);
}
