import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  visit,
} from "yaml";
import { type DocumentPath, gotText } from "./fault.ts";
import type { TextLimits } from "./text-limits.ts";
import { keptExactly, keyTextOf, scalarFault } from "./yaml-scalar.ts";

/** A number that is not what every reader takes it for. */
export interface DoubtfulNumber {
  readonly at: DocumentPath;
  readonly source: string;
}

/** What a document holds, or the first thing in it that no document of ours can hold and where it stands. */
export type Plain =
  | { readonly value: unknown; readonly doubtful: readonly DoubtfulNumber[] }
  | {
      readonly fault: {
        readonly rule:
          | "yaml-alias"
          | "yaml-anchor"
          | "yaml-block"
          | "yaml-character"
          | "yaml-key"
          | "yaml-tag"
          | "duplicate-key";
        readonly got: string;
        readonly expected: string;
        readonly hint?: string;
        readonly offset: number;
      };
    };

/**
 * The plain value of a well-formed document: texts, numbers, booleans, null, lists and mappings. Works in the size of the
 * document and of what its aliases stand for, which is bounded; the library's own conversion takes the square of it.
 */
export function plainValue(document: Document.Parsed, limits: TextLimits): Plain {
  try {
    const anchors = anchorsOf(document);
    const conversion = new Conversion(anchors, limits);
    const value = conversion.plain(document.contents, 0);
    return { value, doubtful: conversion.doubtful };
  } catch (thrown) {
    if (thrown instanceof Refused) return { fault: thrown.fault };
    throw thrown;
  }
}

type PlainFault = Extract<Plain, { fault: unknown }>["fault"];

class Refused extends Error {
  readonly fault: PlainFault;

  constructor(fault: PlainFault) {
    super(fault.got);
    this.fault = fault;
  }
}

/** For each alias the last node before it that bears its anchor. */
function anchorsOf(document: Document.Parsed): ReadonlyMap<Node, Node> {
  const latest = new Map<string, Node>();
  const aliases = new Map<Node, Node>();
  visit(document, {
    Node: (_key, node) => {
      if (isAlias(node)) {
        const anchored = latest.get(node.source);
        if (anchored !== undefined) aliases.set(node, anchored);
      } else if (node.anchor !== undefined) latest.set(node.anchor, node);
    },
  });
  return aliases;
}

class Conversion {
  readonly doubtful: DoubtfulNumber[] = [];
  readonly #anchors: ReadonlyMap<Node, Node>;
  readonly #used: ReadonlySet<Node>;
  /** Where the present node stands. */
  readonly #path: (string | number)[] = [];
  readonly #limits: TextLimits;
  /** Collections around the present node: an alias of one of them would never end. */
  readonly #open = new Set<Node>();
  /** Values that came through aliases. */
  #behindAliases = 0;
  #charactersBehindAliases = 0;

  constructor(anchors: ReadonlyMap<Node, Node>, limits: TextLimits) {
    this.#anchors = anchors;
    this.#used = new Set(anchors.values());
    this.#limits = limits;
  }

  plain(node: unknown, aliasDepth: number): unknown {
    if (isAlias(node)) return this.#alias(node, aliasDepth);
    if (isScalar(node)) return this.#scalar(node, aliasDepth);
    if (!isMap(node) && !isSeq(node)) return null;
    if (node.tag !== undefined && !/^tag:yaml.org,2002:(map|seq)$/.test(node.tag))
      throw special(node);
    if (aliasDepth > 0) this.#count(node, 1);
    if (this.#open.size >= this.#limits.depthMax) throw this.#tooMuch(node);
    this.#open.add(node);
    const value = isMap(node)
      ? this.#mapping(node, aliasDepth)
      : node.items.map((item, index) => this.#below(index, item, aliasDepth));
    this.#open.delete(node);
    return value;
  }

  #mapping(
    node: Node & { readonly items: readonly { key: unknown; value: unknown }[] },
    aliasDepth: number,
  ): object {
    const entries = new Map<string, unknown>();
    for (const { key, value } of node.items) {
      const name = this.#keyText(key);
      if (entries.has(name)) {
        const got = `the key ${gotText(name)} a second time`;
        const hint = "remove one of the two, or rename it";
        throw refused(key as Node, { rule: "duplicate-key", got, expected: "each key once", hint });
      }
      if (aliasDepth > 0) this.#charactersBehindAliases += name.length;
      entries.set(name, this.#below(name, value, aliasDepth));
    }
    // Also `__proto__` becomes a key like any other.
    return Object.fromEntries(entries);
  }

  #keyText(key: unknown): string {
    const node = isAlias(key) ? this.#anchors.get(key) : key;
    if (!isScalar(node)) {
      const got = `${gotText(this.plain(node, 1))} as a key`;
      const hint = "a text that begins with [ or { needs quotes";
      throw refused(key as Node, { rule: "yaml-key", got, expected: "a text", hint });
    }
    this.#checked(node);
    return keyTextOf(node);
  }

  #below(segment: string | number, node: unknown, aliasDepth: number): unknown {
    this.#path.push(segment);
    const value = this.plain(node, aliasDepth);
    this.#path.pop();
    return value;
  }

  #checked(node: Scalar): unknown {
    const fault = scalarFault(node, this.#used.has(node));
    if (fault !== undefined) throw refused(node, fault);
    const { value } = node;
    if (value === null || ["string", "number", "boolean"].includes(typeof value)) return value;
    throw special(node);
  }

  #scalar(node: Scalar, aliasDepth: number): unknown {
    const value = this.#checked(node);
    if (typeof value === "number" && !keptExactly(node, value))
      this.doubtful.push({ at: [...this.#path], source: node.source ?? "" });
    if (aliasDepth > 0) this.#count(node, typeof value === "string" ? value.length : 1);
    return value;
  }

  #alias(node: Node & { readonly source: string }, aliasDepth: number): unknown {
    const anchored = this.#anchors.get(node);
    if (anchored === undefined) {
      throw refused(node, {
        rule: "yaml-alias",
        got: `*${node.source}, which stands for an anchor`,
        expected: `the anchor &${node.source} before it`,
        hint: "a text that begins with * needs quotes",
      });
    }
    if (this.#open.has(anchored)) {
      const expected = "aliases of what is complete";
      throw refused(node, { rule: "yaml-alias", got: `*${node.source} inside itself`, expected });
    }
    return this.plain(anchored, aliasDepth + 1);
  }

  #count(node: Node, characters: number): void {
    this.#behindAliases += 1;
    this.#charactersBehindAliases += characters;
    const { aliasCountMax, bytesMax } = this.#limits;
    if (this.#behindAliases > aliasCountMax || this.#charactersBehindAliases > bytesMax) {
      throw this.#tooMuch(node);
    }
  }

  #tooMuch(node: Node): Refused {
    const { aliasCountMax, bytesMax, depthMax } = this.#limits;
    return refused(node, {
      rule: "yaml-alias",
      got: "aliases that stand for too much",
      expected: `at most ${aliasCountMax} values, ${bytesMax} characters and ${depthMax} levels behind aliases`,
    });
  }
}

function refused(node: Node, fault: Omit<PlainFault, "offset">): Refused {
  return new Refused({ ...fault, offset: node.range?.[0] ?? 0 });
}

function special(node: Node): Refused {
  const got = "a value of a special YAML type";
  const expected = "texts, numbers, true, false, lists and mappings";
  return refused(node, { rule: "yaml-tag", got, expected });
}
