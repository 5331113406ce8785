import { join, resolve } from "node:path";
import { build } from "esbuild";
import { Shim } from "../../../src/protocol/generated/flame/v1/types.ts";
import { temporaryFolder } from "../../support/temp.ts";

const repository = resolve(import.meta.dirname, "../../..");

/** Service programs as plain JavaScript, bundled from their TypeScript. */
export class BundledServices {
  readonly #folder = temporaryFolder("services");

  async prepare(): Promise<void> {
    await this.#bundle("test/fixtures/services/scripted-service.ts", "scripted");
    await this.#bundle("test/fixtures/services/garbage-service.ts", "garbage");
    await this.#bundle("test/fixtures/services/breaching-service.ts", "breaching");
    await this.#bundle("src/bin/flmping-service.ts", "flmping");
  }

  /** An application whose service does what its flags and the inputs of its tasks say. */
  scripted(...flags: string[]): { shim: Shim; command: string; arguments: string[] } {
    return this.#application("scripted", flags);
  }

  /** One whose answers are `noise` or `nonsense`. */
  garbage(kind: "noise" | "nonsense"): { shim: Shim; command: string; arguments: string[] } {
    return this.#application("garbage", [kind]);
  }

  /** One whose stream of tasks says what it should not. */
  breaching(kind: string): { shim: Shim; command: string; arguments: string[] } {
    return this.#application("breaching", [kind]);
  }

  flmping(): { shim: Shim; command: string; arguments: string[] } {
    return this.#application("flmping", []);
  }

  remove(): void {
    this.#folder.remove();
  }

  #application(name: string, flags: string[]) {
    const program = join(this.#folder.path, `${name}.mjs`);
    return { shim: Shim.Host, command: process.execPath, arguments: [program, ...flags] };
  }

  async #bundle(entry: string, name: string): Promise<void> {
    await build({
      entryPoints: [join(repository, entry)],
      outfile: join(this.#folder.path, `${name}.mjs`),
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      logLevel: "error",
      // Bundled CommonJS packages still call require.
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      },
    });
  }
}
