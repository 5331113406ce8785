/** What a program may inherit from its manager; everything else stays behind (docs/protocol.md, "Services"). */
const INHERITED_NAMES = new Set([
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "TZ",
  "LD_LIBRARY_PATH",
  "FLAME_HOME",
]);
const INHERITED_PREFIXES = ["LC_", "SSL_CERT_", "PIP_", "UV_", "CUDA_", "NVIDIA_"];
const INHERITED_SUFFIX = "_PROXY";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string>>;

/**
 * The part of `env` that child programs see: names that find programs, people, locales, proxies,
 * certificates, package indexes and GPUs. Secrets of the manager's own environment are not among them.
 */
export function cleanEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && isInherited(name)) kept[name] = value;
  }
  return kept;
}

function isInherited(name: string): boolean {
  return (
    INHERITED_NAMES.has(name) ||
    INHERITED_PREFIXES.some((prefix) => name.startsWith(prefix)) ||
    name.toUpperCase().endsWith(INHERITED_SUFFIX)
  );
}
