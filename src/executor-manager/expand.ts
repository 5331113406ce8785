/** Looks a variable up; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

const VARIABLE = /\$\$|\$\{([A-Za-z0-9_]+)(?::-([^}]*))?\}|\$([A-Za-z0-9_]+)/g;

/**
 * Expands `$NAME`, `${NAME}` and `${NAME:-default}` (the default counts when NAME is not set); `$$` is a `$`.
 * What is not set and has no default stays as it was written (docs/protocol.md, "Services").
 */
export function expandKnown(text: string, lookup: Lookup): string {
  return text.replace(VARIABLE, (written: string, ...groups: unknown[]) =>
    written === "$$" ? "$" : (valueOf(groups, lookup) ?? written),
  );
}

/** Like {@link expandKnown}, but one unset variable leaves the whole text as it was written. */
export function expandAll(text: string, lookup: Lookup): string {
  const unset: string[] = [];
  const expanded = text.replace(VARIABLE, (written: string, ...groups: unknown[]) => {
    if (written === "$$") return "$";
    const value = valueOf(groups, lookup);
    if (value === undefined) unset.push(written);
    return value ?? written;
  });
  return unset.length === 0 ? expanded : text;
}

function valueOf(groups: unknown[], lookup: Lookup): string | undefined {
  const [braced, fallback, bare] = groups;
  const name = typeof braced === "string" ? braced : bare;
  if (typeof name !== "string") return undefined;
  return lookup(name) ?? (typeof fallback === "string" ? fallback : undefined);
}
