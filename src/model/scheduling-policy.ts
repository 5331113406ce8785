/** What `cluster.policies` may name; schemas/cluster.schema.json says the same. */
export type PolicyName = "priority" | "drf";

export const defaultPolicies: readonly PolicyName[] = Object.freeze(["priority", "drf"]);
