import { existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { announce, SetupError } from "./progress.mjs";
import { ask, run } from "./run.mjs";

/** The Debian that the images are built on when no other base is named; see docker/Dockerfile. */
const release = "trixie";
/** Settings of package clients that name a place or a patience, and no file of this machine. */
const passedOn =
  /^(PIP_(INDEX_URL|EXTRA_INDEX_URL|DEFAULT_TIMEOUT)|UV_(DEFAULT_)?INDEX(_URL)?|https?_proxy|no_proxy)$/i;
const caVariables = [
  ...[
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "npm_config_cafile",
  ],
];

const onPath = (name) =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, name)));

/** @throws SetupError for any user but root */
export function refuseWithoutRoot() {
  if (process.getuid?.() === 0) return;
  throw new SetupError(
    "building images without an engine needs root.\nWhat to do: run it as root, or build with docker or podman: " +
      "docker build -f docker/Dockerfile --target session-manager .",
  );
}

/**
 * Sees to it that buildah and, if wanted, debootstrap are there.
 * @throws SetupError when they are missing and cannot be installed
 */
export async function ensureImageTools({ debootstrap, logs }) {
  const missing = ["buildah", ...(debootstrap ? ["debootstrap"] : [])].filter((it) => !onPath(it));
  if (missing.length === 0) return;
  if (!onPath("apt-get")) {
    throw new SetupError(
      `${missing.join(" and ")} not found on PATH, and there is no apt-get to install them with.\n` +
        "What to do: install them, and run the same command again.",
    );
  }
  const apt = { logFile: join(logs, "apt.log"), env: { DEBIAN_FRONTEND: "noninteractive" } };
  await announce(`installing ${missing.join(" and ")}`, async () => {
    await run(["apt-get", "update"], apt);
    await run(["apt-get", "install", "-y", "--no-install-recommends", ...missing], apt);
  });
}

/**
 * A base image made by debootstrap, from the mirror that this machine's own apt uses.
 * @param {import("./buildah.mjs").Buildah} buildah
 * @param {{ folder: string, logs: string }} places `folder` is for the tree, which is removed again
 * @returns {Promise<string>} its name
 */
export async function baseOf(buildah, { folder, logs }) {
  const tree = join(folder, "base");
  const uris = await ask([
    "apt-get",
    "indextargets",
    "--format",
    "$(REPO_URI)",
    "Created-By: Packages",
  ]);
  const mirror = uris?.split("\n")[0] ?? "";
  const options = ["--variant=minbase", "--include=ca-certificates"];
  await announce(`making a base image of Debian ${release}`, async () => {
    const command = ["debootstrap", ...options, release, tree, ...(mirror === "" ? [] : [mirror])];
    await run(command, { logFile: join(logs, "debootstrap.log") });
    slim(tree);
    await buildah.commitFolder(tree, "localhost/flame-base");
    rmSync(tree, { recursive: true });
  });
  return "localhost/flame-base";
}

/** Leaves out what the published slim images leave out, now and of packages to come. */
function slim(tree) {
  const documents = ["usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"];
  for (const folder of [...documents, "var/cache/apt/archives", "var/lib/apt/lists"]) {
    rmSync(join(tree, folder), { recursive: true, force: true });
  }
  const excludes = documents.map((folder) => `path-exclude /${folder}/*\n`).join("");
  writeFileSync(join(tree, "etc/dpkg/dpkg.cfg.d/slim"), excludes);
}

/**
 * How this machine's npm, pip and uv reach their registries, as the secrets of docker/Dockerfile: they are there while
 * packages are installed, and in no image.
 * @returns {Promise<Record<string, string>>} files by the ids of the secrets
 */
export async function secretsOfThisMachine(folder) {
  const lines = Object.entries(process.env).filter(([name]) => passedOn.test(name));
  const registry = await ask(["npm", "config", "get", "registry"]);
  if (registry) lines.push(["npm_config_registry", registry]);
  const authority = process.env.NODE_EXTRA_CA_CERTS ?? process.env.SSL_CERT_FILE;
  const known = authority !== undefined && existsSync(authority);
  if (known) lines.push(...caVariables.map((name) => [name, "/run/secrets/build-ca"]));
  const file = join(folder, "build-env");
  const quoted = (value) => `'${value.replaceAll("'", "'\\''")}'`;
  writeFileSync(file, lines.map(([name, value]) => `export ${name}=${quoted(value)}\n`).join(""));
  return { "build-env": file, ...(known && { "build-ca": authority }) };
}
