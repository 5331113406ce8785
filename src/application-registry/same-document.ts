/** Deep equality of two plain documents; the order of keys says nothing, an undefined value is an absent one. */
export function sameDocument(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && sameList(a, b);
  const left = entriesOf(a);
  const right = new Map(entriesOf(b));
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && sameDocument(value, right.get(key)))
  );
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => sameDocument(value, b[index]));
}

function entriesOf(document: object): [string, unknown][] {
  return Object.entries(document).filter(([, value]) => value !== undefined);
}
