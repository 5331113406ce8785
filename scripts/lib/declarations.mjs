import { dirname, join, resolve } from "node:path";
import { SetupError } from "./progress.mjs";

/**
 * The types of modules, each as one text that needs no other file: what the module exports, and whatever that is made of.
 * @param {string} root the checkout
 * @param {readonly string[]} entries source files
 * @returns {Promise<string[]>}
 */
export async function bundleDeclarations(root, entries) {
  const { default: ts } = await import("typescript");
  const { options } = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.json"), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new SetupError(ts.flattenDiagnosticMessageText(messageText, "\n"));
    },
  });
  const program = ts.createProgram(entries, {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    stripInternal: true,
  });
  const files = new Map();
  const read = (path) => {
    if (!files.has(path)) files.set(path, new DeclarationFile(ts, path, emitted(program, path)));
    return files.get(path);
  };
  return entries.map((entry) => new DeclarationBundle(ts, read).of(entry));
}

function emitted(program, path) {
  const source = program.getSourceFile(path);
  if (source === undefined) throw new SetupError(`${path}: got no such source file`);
  let text = "";
  program.emit(source, (_, written) => (text = written), undefined, true);
  return text;
}

/** The declaration file of one source file, looked up by name. */
class DeclarationFile {
  /** The statements that declare a name of this file. */
  declared = new Map();
  /** Names of other files: where they come from. */
  imported = new Map();
  /** Names of other files that this one exports again. */
  reexported = new Map();

  constructor(ts, path, text) {
    this.path = path;
    this.source = ts.createSourceFile(`${path}.d.ts`, text, ts.ScriptTarget.ES2022, true);
    for (const statement of this.source.statements) {
      if (ts.isImportDeclaration(statement))
        this.#names(statement, statement.importClause?.namedBindings?.elements, this.imported);
      else if (ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined)
        this.#names(statement, statement.exportClause?.elements, this.reexported);
      else for (const name of namesOf(ts, statement)) this.#declare(name, statement);
    }
  }

  #declare(name, statement) {
    this.declared.set(name, [...(this.declared.get(name) ?? []), statement]);
  }

  #names({ moduleSpecifier: { text } }, elements, into) {
    for (const { name, propertyName } of elements ?? [])
      into.set(name.text, { from: text, renamed: propertyName?.text });
  }

  /** The file that a name of another one comes from; undefined: it is a name of the language, such as Promise. */
  placeOf(name) {
    const place = this.reexported.get(name) ?? this.imported.get(name);
    if (place === undefined) return undefined;
    const { from, renamed } = place;
    if (from.startsWith(".") && renamed === undefined) return resolve(dirname(this.path), from);
    throw new SetupError(
      `${this.path}: its types use ${name} of "${from}", expected a name of our own files under which it is declared there`,
    );
  }
}

function namesOf(ts, statement) {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.text);
  return statement.name === undefined ? [] : [statement.name.text];
}

/** Gathers what one module exports with everything that it is made of. */
class DeclarationBundle {
  #ts;
  #read;
  /** Which file declares each name that was gathered. */
  #owners = new Map();
  #texts = [];

  constructor(ts, read) {
    this.#ts = ts;
    this.#read = read;
  }

  of(entry) {
    const file = this.#read(entry);
    const names = new Set([...file.reexported.keys(), ...file.declared.keys()]);
    for (const name of names) this.#gather(file, name, names);
    return this.#texts.join("\n\n");
  }

  #gather(file, name, exported) {
    const statements = file.declared.get(name);
    if (statements === undefined) {
      const from = file.placeOf(name);
      if (from !== undefined) this.#gather(this.#read(from), name, exported);
      return;
    }
    const owner = this.#owners.get(name);
    if (owner === file.path) return;
    if (owner !== undefined)
      throw new SetupError(
        `${name} is declared in ${owner} and in ${file.path}: rename one of them`,
      );
    this.#owners.set(name, file.path);
    for (const statement of statements) {
      this.#texts.push(this.#textOf(statement, exported.has(name)));
      this.#gatherFrom(file, statement, exported);
    }
  }

  #gatherFrom(file, node, exported) {
    const ts = this.#ts;
    if (ts.isImportTypeNode(node))
      throw new SetupError(
        `${file.path}: its types hold ${node.getText()}; write the type out there`,
      );
    if (ts.isIdentifier(node) && node.parent.name !== node) this.#gather(file, node.text, exported);
    ts.forEachChild(node, (child) => this.#gatherFrom(file, child, exported));
  }

  /** A statement with the comment before it, exported or not. */
  #textOf(statement, isExported) {
    const whole = statement.getSourceFile().text;
    const comments = this.#ts.getLeadingCommentRanges(whole, statement.getFullStart()) ?? [];
    const comment = comments.map(({ pos, end }) => whole.slice(pos, end)).at(-1) ?? "";
    const text = statement.getText().replace(/^export /, "");
    const documented = comment.startsWith("/**") ? `${comment}\n` : "";
    return `${documented}${isExported ? "export " : ""}${text}`;
  }
}
