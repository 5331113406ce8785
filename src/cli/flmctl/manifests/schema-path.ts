import { nearest } from "../../../documents/did-you-mean.ts";
import { FlameError } from "../../../model/errors.ts";
import { knownSchemas, type SchemaName, type SchemaNode, schemaNames } from "./known-schemas.ts";

/** A place in a schema, such as `application.spec.url`. */
export interface SchemaPlace {
  readonly path: string;
  readonly node: SchemaNode;
  /** The mapping around it asks for it. */
  readonly required: boolean;
  /** The key is one of the user's own, such as a variable's name. */
  readonly anyName: boolean;
}

/** Stands for a key of the user's own in a path. */
const ANY_NAME = "<name>";

/** How deep schemas are looked into; none of ours is half as deep. */
const DEPTH_MAX = 16;

/**
 * Follows a path such as `application.spec.environments.PATH`; lists are passed through to their entries.
 * @throws FlameError invalid_argument naming what there is, and what was probably meant
 */
export function findPlace(path: string): SchemaPlace {
  const [first = "", ...keys] = path.replaceAll(/\[\w*\]/g, "").split(".");
  const name = schemaNames.find((each) => each === (first === "app" ? "application" : first));
  if (name === undefined) throw unknownRoot(path, [first, ...keys]);
  let place = rootOf(name);
  for (const [index, key] of keys.entries()) {
    const next = children(name, place).find(
      (child) => child.anyName || child.path === `${place.path}.${key}`,
    );
    if (next === undefined) throw unknownKey(name, place, keys.slice(index));
    place = next.anyName ? { ...next, path: `${place.path}.${key}` } : next;
  }
  return place;
}

/** What may stand directly below a place. */
export function children(name: SchemaName, { path, node }: SchemaPlace): readonly SchemaPlace[] {
  const element = elementOf(name, node);
  const branches = [element, ...(element.anyOf ?? []).map((each) => resolved(name, each))];
  return branches.flatMap((branch) => {
    const named = Object.entries(branch.properties ?? {}).map(([key, child]) => ({
      path: `${path}.${key}`,
      node: resolved(name, child),
      required: branch.required?.includes(key) ?? false,
      anyName: false,
    }));
    const other = branch.additionalProperties;
    if (typeof other !== "object") return named;
    const any = { path: `${path}.${ANY_NAME}`, node: resolved(name, other) };
    return [...named, { ...any, required: false, anyName: true }];
  });
}

/** The schema that a path begins in. */
export function schemaOf({ path }: SchemaPlace): SchemaName {
  return schemaNames.find((name) => path === name || path.startsWith(`${name}.`)) ?? "application";
}

/** A place and everything below it, from the top. */
export function* everythingBelow(
  place: SchemaPlace,
  depth = 0,
): Generator<SchemaPlace & { depth: number }> {
  yield { ...place, depth };
  if (depth === DEPTH_MAX) return;
  for (const child of children(schemaOf(place), place)) yield* everythingBelow(child, depth + 1);
}

function rootOf(name: SchemaName): SchemaPlace {
  return { path: name, node: knownSchemas[name], required: true, anyName: false };
}

/** A reference with what stands beside it, which says more. */
function resolved(name: SchemaName, node: SchemaNode): SchemaNode {
  const definition = node.$ref?.replace("#/$defs/", "");
  if (definition === undefined) return node;
  return { ...knownSchemas[name].$defs?.[definition], ...node };
}

/** Of a list, what its entries are. */
function elementOf(name: SchemaName, node: SchemaNode): SchemaNode {
  return node.items === undefined
    ? resolved(name, node)
    : elementOf(name, resolved(name, node.items));
}

function unknownRoot(path: string, keys: readonly string[]): FlameError {
  const meant = nearest(keys[0] ?? "", schemaNames);
  const guess =
    meant === undefined ? placesNamed(keys, schemaNames) : [[meant, ...keys.slice(1)].join(".")];
  const text = `got ${JSON.stringify(path)}, expected a path that begins with ${schemaNames.join(", ")}`;
  return new FlameError("invalid_argument", text + hint(guess));
}

function unknownKey(name: SchemaName, place: SchemaPlace, rest: readonly string[]): FlameError {
  const [key = ""] = rest;
  const known = children(name, place).map(({ path }) => path.slice(place.path.length + 1));
  const expected = known.length === 0 ? "no key: it is no mapping" : `one of ${known.join(", ")}`;
  const meant = nearest(key, known);
  const guess = meant === undefined ? placesNamed(rest, [name]) : [`${place.path}.${meant}`];
  const text = `${place.path}: got the unknown key ${JSON.stringify(key)}, expected ${expected}`;
  return new FlameError("invalid_argument", text + hint(guess));
}

/** Where else the words of a path lead somewhere: `spec.url` is at home in `application.spec.url`. */
function placesNamed(keys: readonly string[], schemas: readonly SchemaName[]): readonly string[] {
  const end = `.${keys.join(".")}`;
  return schemas
    .flatMap((name) => [...everythingBelow(rootOf(name))].map(({ path }) => path))
    .filter((path) => path.endsWith(end))
    .slice(0, 3);
}

function hint(guesses: readonly string[]): string {
  return guesses.length === 0
    ? ""
    : `; did you mean ${guesses.map((each) => JSON.stringify(each)).join(" or ")}?`;
}
