import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { flameRegistry } from "../../../src/cli/flame-registry/program.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { temporaryFolder } from "../../support/temp.ts";

const root = join(import.meta.dirname, "../../..");

/** What a run of flame-registry printed, line by line, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** A run of flame-registry that is not over yet. */
export interface Running {
  /** What it printed so far. */
  readonly out: readonly string[];
  readonly err: readonly string[];
  readonly stop: () => void;
  readonly ended: Promise<Ran>;
}

/** flame-registry with a folder of manifests and a place for its state. */
export class ControllerUnderTest {
  readonly #temporary = temporaryFolder("controller");
  readonly #runs: Running[] = [];
  readonly folder = join(this.#temporary.path, "apps");
  readonly state = join(this.#temporary.path, "apps.state");
  endpoint = "";
  /** Variables beside HOME and FLAME_HOME. */
  env: Readonly<Record<string, string>> = {};

  constructor() {
    mkdirSync(this.folder);
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  remove(file: string): void {
    rmSync(join(this.folder, file));
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  stateText(): string {
    return readFileSync(this.state, "utf8");
  }

  /** One round with the folder and the state; the defaults are left alone unless `flags` say otherwise. */
  once(...flags: string[]): Promise<Ran> {
    const defaults = flags.some((flag) => flag.startsWith("--defaults")) ? [] : ["--defaults=none"];
    const files = ["--directory", this.folder, "--state", this.state];
    return this.run("--once", ...files, ...defaults, ...flags);
  }

  run(...flags: string[]): Promise<Ran> {
    return this.start(...flags).ended;
  }

  /** A run that goes on until it is stopped. What it prints so far can be read. */
  start(...flags: string[]): Running {
    let stop: () => void = () => undefined;
    const interrupted = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const out: string[] = [];
    const err: string[] = [];
    const into =
      (lines: string[]) =>
      (text: string): void =>
        void lines.push(...text.split("\n").filter((line) => line !== ""));
    const ended = flameRegistry([...flags, "--endpoint", this.endpoint], {
      terminal: { out: into(out), err: into(err), interactive: false },
      env: { HOME: this.#temporary.path, FLAME_HOME: "/opt/flame", ...this.env },
      clock: systemClock,
      defaultsFolder: join(root, "defaults"),
      interrupted: () => interrupted,
    }).then((code) => ({ code, out, err }));
    const run = { out, err, stop: () => stop(), ended };
    this.#runs.push(run);
    return run;
  }

  /** Stops what still runs. */
  async close(): Promise<void> {
    for (const { stop } of this.#runs) stop();
    await Promise.all(this.#runs.map(({ ended }) => ended));
    this.#temporary.remove();
  }
}

/** A manifest; its command is some program unless `spec` names one. */
export function yaml(name: string, spec: object = {}): string {
  return `${JSON.stringify({ metadata: { name }, spec: { command: "/bin/service", ...spec } })}\n`;
}
