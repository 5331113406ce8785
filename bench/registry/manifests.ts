import { toYaml } from "../../src/manifest/to-yaml.ts";
import type { ApplicationManifestSpec } from "../../src/model/application-spec.ts";

// Applications as large as those that people write: about 400 characters of JSON each.

export const nameOf = (index: number): string => `bench-${String(index).padStart(5, "0")}`;

export function specOf(index: number): ApplicationManifestSpec {
  return {
    shim: "Host",
    description: `Scores the documents of tenant ${index} against its model`,
    labels: ["team-scoring", `tenant-${index}`],
    command: "/opt/scoring/bin/serve",
    arguments: ["--model", `/srv/models/${index}.onnx`, "--threads", "2"],
    environments: { OMP_NUM_THREADS: "2", TENANT: String(index), LOG_LEVEL: "info" },
    working_directory: "/srv/scoring",
    max_instances: 1 + (index % 16),
    delay_release: 60,
  };
}

export const documentText = (name: string, spec: ApplicationManifestSpec): string =>
  toYaml(name, spec);

/** The first `count` applications as the documents that people keep in files. */
export function documentTexts(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => documentText(nameOf(index), specOf(index)));
}
