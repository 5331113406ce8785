/** Placeholder shape until generated from schemas/application.schema.json. */
export interface ApplicationManifestSpec {
  readonly shim?: "Host" | "Wasm";
  readonly image?: string;
  readonly description?: string;
  readonly labels?: readonly string[];
  readonly command?: string;
  readonly arguments?: readonly string[];
  readonly environments?: Readonly<Record<string, string>>;
  readonly working_directory?: string;
  readonly max_instances?: number;
  readonly delay_release?: number;
  readonly schema?: { readonly input?: string; readonly output?: string; readonly common_data?: string };
  readonly url?: string;
  readonly installer?: string;
}

export interface ApplicationSpec extends ApplicationManifestSpec {
  readonly shim: "Host" | "Wasm";
  readonly labels: readonly string[];
  readonly arguments: readonly string[];
  readonly environments: Readonly<Record<string, string>>;
  readonly max_instances: number;
  readonly delay_release: number;
}
