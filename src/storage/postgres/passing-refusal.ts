import { codeOf } from "../../kit/thrown.ts";

/** Of the server's words (SQLSTATE), what says that its disk is full. */
const diskFull = "53100";

/** Out of something else, read-only for now, told to end or to wait, or an error of its disk. */
const passing = /^(53...|55P03|57014|25006|58...|40...)$/;

/** What a server says when it may take the next commit all the same; undefined: nothing more can be trusted. */
export function passingRefusal(thrown: unknown): "resource_exhausted" | "unavailable" | undefined {
  const code = codeOf(thrown);
  if (code === diskFull) return "resource_exhausted";
  return typeof code === "string" && passing.test(code) ? "unavailable" : undefined;
}
