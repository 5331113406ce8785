import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { SetupError } from "../progress.mjs";
import { lockedFile, pinsOf } from "../requirements.mjs";
import { runToEnd } from "../run.mjs";
import { sha256 } from "../sha256.mjs";

/** What of the Python package index an installation has. */
const installedSets = ["uv", "build", "flmrun"];

/**
 * The software bill of materials of an installation, CycloneDX 1.5: npm's own of what the programs are built from, and with it
 * what the files of Python requirements name.
 * @param {{ root: string, version: string, commit: string, seconds: number }} source
 * @returns {Promise<object>}
 */
export async function billOfMaterials({ root, version, commit, seconds }) {
  const bill = await npmBill(root);
  const programs = bill.metadata.component["bom-ref"];
  const python = pythonComponents(root);
  const direct = directDependencies(root);
  const needed = reachable(bill.dependencies, direct);
  // npm numbers each of its bills by chance, and calls the project by the name of its folder.
  return {
    ...bill,
    serialNumber: `urn:uuid:${uuidOf(commit)}`,
    metadata: {
      ...bill.metadata,
      timestamp: new Date(seconds * 1_000).toISOString(),
      component: { ...bill.metadata.component, type: "application", name: "flame", version },
    },
    components: [...bill.components.filter((it) => needed.has(it["bom-ref"])), ...python],
    dependencies: [
      { ref: programs, dependsOn: [...direct, ...python.map((it) => it["bom-ref"])] },
      ...bill.dependencies.filter(({ ref }) => needed.has(ref)),
      ...python.map((it) => ({ ref: it["bom-ref"], dependsOn: [] })),
    ],
  };
}

/** With what builds and tests: npm's own way of leaving that out leaves out what the programs share with it as well. */
async function npmBill(root) {
  const command = ["npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
  const { code, stdout, stderr } = await runToEnd([...command, "--prefix", root], {
    env: process.env,
  });
  if (code === 0) return JSON.parse(stdout);
  throw new SetupError(`npm sbom ended with exit code ${code}:\n${stderr.trim()}`);
}

/** The packages that the programs themselves ask for, as the bill refers to them. */
function directDependencies(root) {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return Object.entries(dependencies).map(([name, version]) => `${name}@${version}`);
}

/** Those, and whatever they need. */
function reachable(dependencies, from) {
  const needs = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  const found = new Set(from);
  for (const ref of found) for (const next of needs.get(ref) ?? []) found.add(next);
  return found;
}

/** A release that two sets name is one component. */
function pythonComponents(root) {
  const pins = installedSets.flatMap((name) => pinsOf(lockedFile(root, name)));
  const byReference = new Map(pins.map((pin) => [referenceOf(pin), pin]));
  return [...byReference].map(([reference, { name, version, hashes }]) => ({
    "bom-ref": reference,
    type: "library",
    name,
    version,
    scope: "required",
    purl: reference,
    // One for each file of the release: which of them is installed depends on system and Python.
    hashes: hashes.map((content) => ({ alg: "SHA-256", content })),
  }));
}

const referenceOf = ({ name, version }) => `pkg:pypi/${name}@${version}`;

/** A UUID that is always the same for a commit (version 8: of the maker's own rule). */
function uuidOf(commit) {
  const hex = sha256(`flame sbom ${commit}`);
  const variant = ((Number.parseInt(hex[16], 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
