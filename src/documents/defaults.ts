interface SchemaNode {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
}

/**
 * A copy of `value` with what the schema's `default` keywords say wherever a key is missing, at every depth.
 * An absent key without a default stays absent.
 */
export function fillDefaults(schema: object, value: unknown): unknown {
  const { properties } = schema as SchemaNode;
  if (properties === undefined || typeof value !== "object" || value === null) return value;
  const filled: Record<string, unknown> = { ...value };
  for (const [key, node] of Object.entries(properties)) {
    const present = filled[key] ?? structuredClone(node.default);
    if (present !== undefined) filled[key] = fillDefaults(node, present);
  }
  return filled;
}

/** Freezes a plain document at every depth and returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
