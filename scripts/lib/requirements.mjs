import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./progress.mjs";
import { sha256 } from "./sha256.mjs";

/** The release of uv that homes get; what services are started with. */
export const uvVersion = "0.13.9";

/** The published client that the tests prove us against. */
export const publishedFlamepy = "0.6.0";

/**
 * Everything that is installed from the Python package index: by set, the file that names each release and the hashes of its
 * files, and what it is made of. Set-up runs before any npm package is there, so pyproject.toml is read without a parser.
 * @type {Record<string, { file: string, asked: (root: string) => string[] }>}
 */
const sets = {
  uv: { file: "requirements/uv.txt", asked: () => [`uv==${uvVersion}`] },
  pip: { file: "requirements/pip.txt", asked: () => ["pip>=26"] },
  build: {
    file: "requirements/build.txt",
    asked: (root) => [...listIn(root, "build-system", "requires"), "wheel"],
  },
  flmrun: {
    file: "requirements/flmrun.txt",
    asked: (root) => listIn(root, "project", "dependencies"),
  },
  "sdk-dev": {
    file: "requirements/sdk-dev.txt",
    asked: (root) => [
      ...listIn(root, "project", "dependencies"),
      ...listIn(root, "project.optional-dependencies", "dev"),
      ...listIn(root, "project.optional-dependencies", "proto"),
    ],
  },
  published: {
    file: "requirements/published.txt",
    asked: () => [`flamepy==${publishedFlamepy}`],
  },
  peers: {
    file: "bench/peers/requirements.txt",
    asked: (root) => linesOf(readFileSync(join(root, "bench/peers/requirements.in"), "utf8")),
  },
};

export const setNames = Object.keys(sets);

const linesOf = (text) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

/** The strings of one list of the Python SDK's project. */
function listIn(root, table, key) {
  const text = readFileSync(join(root, "sdk/python/pyproject.toml"), "utf8");
  const [, section = ""] = text.split(new RegExp(`^\\[${table.replaceAll(".", "\\.")}\\]$`, "m"));
  const own = section.split(/^\[/m)[0] ?? "";
  const list = new RegExp(`^${key} = \\[([^\\]]*)\\]`, "m").exec(own)?.[1];
  if (list === undefined)
    throw new SetupError(
      `sdk/python/pyproject.toml: found no list ${key} in [${table}], expected one`,
    );
  return [...list.matchAll(/"([^"]+)"/g)].map(([, requirement]) => requirement);
}

/**
 * What a set is made of, the file it is in, and that file's path in the checkout.
 * @param {string} root
 * @param {string} name
 * @returns {{ asked: string[], file: string, path: string }}
 */
export function requirementSet(root, name) {
  const { file, asked } = sets[name];
  return { asked: asked(root).toSorted(), file, path: join(root, file) };
}

const head = "# Made by npm run lock. ";

/** The text of a file: what it is made of, for a check that needs no network, and what uv made of that. */
export function requirementFile(asked, body) {
  return (
    `${head}Every release, and the hashes of its files; npm run lock -- --upgrade takes newer ones.\n` +
    asked.map((line) => `# asked for: ${line}\n`).join("") +
    `# sha256 of the rest: ${sha256(body)}\n${body}`
  );
}

/** The part of a file that uv made. */
export function bodyOf(text) {
  return text.replace(/^(#.*\n)*/, "");
}

/**
 * The file of a set, after a look whether it is the one that its sources ask for.
 * @returns {string} its path
 * @throws SetupError when it is not
 */
export function lockedFile(root, name) {
  const { asked, file, path } = requirementSet(root, name);
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const has = [...text.matchAll(/^# asked for: (.+)$/gm)].map(([, line]) => line);
  const fault = !text.startsWith(head)
    ? "got no file that npm run lock has made"
    : has.join("\n") !== asked.join("\n")
      ? `made for ${has.join(", ")}; expected ${asked.join(", ")}`
      : text !== requirementFile(asked, bodyOf(text))
        ? "somebody changed it by hand; expected what npm run lock wrote"
        : undefined;
  if (fault === undefined) return path;
  throw new SetupError(
    `${file}: ${fault}.\nWhat to do: run npm run lock, which asks the Python package index, and commit the difference.`,
  );
}

/**
 * The releases that a file names.
 * @returns {{ name: string, version: string, marker: string, hashes: string[] }[]} `marker` says for which Pythons and systems
 */
export function pinsOf(path) {
  const joined = bodyOf(readFileSync(path, "utf8")).replaceAll(/\\\n\s*/g, " ");
  return linesOf(joined).map((line) => {
    const [requirement, ...hashes] = line.split(/\s+--hash=sha256:/);
    const [pin, marker = ""] = requirement.split(/\s*;\s*/);
    const [name, version] = pin.split("==");
    return { name, version, marker: marker.trim(), hashes: hashes.map((hash) => hash.trim()) };
  });
}
