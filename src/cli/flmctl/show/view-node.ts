import type { Node } from "../../../client/index.ts";
import { formatMemory } from "../../../model/resources.ts";
import { labelled } from "../../output/details.ts";

/** A node as `view node` prints it. @param published nothing but the layout of `view -n` */
export function nodeDetails(node: Node, published: boolean): string {
  return [
    labelled("Name", node.name),
    labelled("Hostname", node.hostname),
    labelled("Status", node.state),
    ...(published || node.warning === undefined ? [] : [labelled("Warning", node.warning)]),
    "Capacity:\n",
    labelled("  CPU", String(node.capacity.cpu)),
    labelled("  Memory", formatMemory(node.capacity.memory)),
    "Info:\n",
    labelled("  Arch", node.arch),
    labelled("  OS", node.os),
  ].join("");
}
