import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AbsentApplication,
  FlameClient,
  type RegistryApplication,
} from "../../../src/client/index.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import {
  type ManagerOptions,
  type ManagerUnderTest,
  startManager,
} from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

/** A real session manager whose administrator directory the tests write to. */
export interface DirectoryUnderTest {
  readonly manager: ManagerUnderTest;
  readonly client: FlameClient;
  readonly folder: string;
  /** What the session manager logged, newest last. */
  readonly log: readonly string[];
  path(file: string): string;
  write(file: string, text: string): void;
  remove(file: string): void;
  application(name: string): Promise<RegistryApplication | AbsentApplication | undefined>;
  /** Waits until the application is as `probe` says, and returns it. */
  until(
    name: string,
    probe: (application: RegistryApplication) => boolean,
  ): Promise<RegistryApplication>;
  /** Waits until a fault of the application says this; the empty name is for faults of no application. */
  fault(name: string, text: string): Promise<{ source: string; reason: string }>;
  gone(name: string): Promise<void>;
  /** Returns when everything that was written up to now has been acted on, faults and removals included. */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

/** A manifest; its command is some program unless `spec` names one. */
export function yaml(name: string, spec: object = {}): string {
  return `${JSON.stringify({ metadata: { name }, spec: { command: "/bin/service", ...spec } })}\n`;
}

export async function startDirectory(options: ManagerOptions = {}): Promise<DirectoryUnderTest> {
  const log: string[] = [];
  const note = (_fields: object, message: string): void => void log.push(message);
  const logger: Logger = {
    debug: () => undefined,
    info: note,
    warn: note,
    error: note,
    child: () => logger,
  };
  const manager = await startManager({ logger, ...options });
  const client = new FlameClient({ endpoint: manager.endpoint });
  const folder = join(manager.home, "conf/applications");
  const path = (file: string): string => join(folder, file);
  const write = (file: string, text: string): void => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path(file), text);
  };
  const list = () => client.registry.list();
  const application = async (name: string) => (await list()).find((one) => one.name === name);
  const found = <T>(what: string, probe: () => Promise<T>) =>
    waitFor(what, probe, { deadlineMs: 20_000 });
  const fault = (name: string, text: string) =>
    found(`a fault of ${name} with ${text}`, async () =>
      (await application(name))?.faults.find(({ reason }) => reason.includes(text)),
    );
  let round = 0;
  return {
    manager,
    client,
    folder,
    log,
    path,
    write,
    remove: (file) => rmSync(path(file)),
    application,
    until: (name, probe) =>
      found(`application ${name}`, async () => {
        const one = await application(name);
        return one?.revision !== undefined && probe(one) ? one : undefined;
      }),
    fault,
    async gone(name) {
      await found(`${name} is gone`, async () => (await application(name)) === undefined);
    },
    // A fault is told as late as anything is: when this one is, whatever was written before it was acted on.
    async caughtUp() {
      round += 1;
      write("zz-caught-up.yaml", `round: ${round}\nup-to-here-${round}: x\n`);
      await fault("", `up-to-here-${round}`);
    },
    async close() {
      client.close();
      await manager.close();
    },
  };
}
