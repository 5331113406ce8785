import { type Fault, faultText } from "../documents/fault.ts";

/** A fault of an application manifest. */
export interface ManifestFault extends Fault {
  /**
   * How the published calls answer it: `argument` is the gRPC status INVALID_ARGUMENT, `name` a Result with
   * return_code -1 (docs/protocol.md, "Applications").
   */
  readonly kind: "argument" | "name";
  /** The plugin that refuses the manifest, or that brought in what is wrong. */
  readonly plugin?: string;
}

/** Over the wire a text travels in a header of limited size: more faults than these are counted only. */
const WIRE_FAULTS_MAX = 8;

/**
 * All faults as one text for a reply. It begins with the first fault in the order in which the published server
 * checks: schemas, working directory, the rest, name; so with `invalid input schema:`, `invalid url:` and so on.
 */
export function wireText(faults: readonly ManifestFault[]): string {
  const ordered = [...faults].sort((a, b) => wireRank(a) - wireRank(b));
  const texts = ordered.slice(0, WIRE_FAULTS_MAX).map((fault) => {
    const { line: _line, column: _column, ...placeless } = fault;
    return faultText(fault.label === undefined ? placeless : { ...placeless, path: "" });
  });
  const more = ordered.length - texts.length;
  return texts.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

const WIRE_ORDER = [
  "spec.schema.input",
  "spec.schema.output",
  "spec.schema.common_data",
  "spec.working_directory",
];

function wireRank(fault: ManifestFault): number {
  const known = WIRE_ORDER.indexOf(fault.path);
  if (known >= 0) return known;
  return fault.kind === "name" ? WIRE_ORDER.length + 1 : WIRE_ORDER.length;
}
