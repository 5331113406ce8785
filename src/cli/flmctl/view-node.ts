import type { Node } from "../../client/index.ts";
import { formatMemory } from "../../model/resources.ts";
import { labelled } from "../output/details.ts";

/** A node in the published layout of `view -n`. */
export function nodeDetails(node: Node): string {
  return [
    labelled("Name", node.name),
    labelled("Hostname", node.hostname),
    labelled("Status", node.state),
    "Capacity:\n",
    labelled("  CPU", String(node.capacity.cpu)),
    labelled("  Memory", formatMemory(node.capacity.memory)),
    "Info:\n",
    labelled("  Arch", node.arch),
    labelled("  OS", node.os),
  ].join("");
}
