import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { requirementSet } from "../requirements.mjs";
import { ask } from "../run.mjs";
import { sha256Of } from "./sums.mjs";

/**
 * Says what was built, of what and with what: an in-toto statement (v1) with SLSA's provenance (v1). It has no date, so that
 * whoever builds the same commit with the same tools gets the same statement.
 * @param {{ root: string, commit: string, repository?: string, files: string[], out: string, uv: string, python: string }} build
 *   `files` of `out` are what was built
 */
export async function provenanceOf({ root, commit, repository, files, out, uv, python }) {
  const version = (command) => ask([...command, "--version"]);
  const { dependencies, devDependencies } = readJson(join(root, "package.json"));
  const builtWith = { ...dependencies, ...devDependencies };
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: files.map((name) => ({ name, digest: { sha256: sha256Of(join(out, name)) } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "urn:flame-ts:npm-run-release:1",
        externalParameters: { commit, ...(repository !== undefined && { repository }) },
        internalParameters: { dirty: false, system: `${process.platform}-${process.arch}` },
        resolvedDependencies: [
          {
            name: "source",
            ...(repository !== undefined && { uri: `git+${repository}@${commit}` }),
            digest: { gitCommit: commit },
          },
          ...["package-lock.json", requirementSet(root, "build").file].map((name) => ({
            name,
            digest: { sha256: sha256Of(join(root, name)) },
          })),
        ],
      },
      runDetails: {
        // Who runs the command vouches for the statement: nothing here signs it.
        builder: {
          id: "urn:flame-ts:builder:checkout",
          version: {
            node: process.versions.node,
            npm: await version(["npm"]),
            python: (await version([python]))?.replace("Python ", ""),
            uv: (await version([uv]))?.replace(/^uv (\S+).*/, "$1"),
            esbuild: builtWith.esbuild,
            typescript: builtWith.typescript,
          },
        },
      },
    },
  };
}

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));
