import { textOf } from "../kit/thrown.ts";
import { Shim } from "../protocol/generated/flame/v1/types.ts";
import type { Binding } from "./executor-messages.ts";
import type { PackageSource } from "./packages/package-source.ts";
import type { PackageVariables } from "./service-environment.ts";
import {
  type NodeServices,
  type ServiceProcess,
  type ServiceProgram,
  type ServiceUser,
  startServiceProcess,
} from "./service-process.ts";
import { ServiceSession } from "./service-session.ts";

/** `return_code` of a failed bind, by step (docs/protocol.md, "Events"). */
export const bindCodes = { ok: 0, package: 10, start: 11, enter: 12 } as const;

/** An installed package; it stays until it is released. */
export interface PreparedPackage {
  readonly variables: PackageVariables;
  /** What a service is told of the list of packages, which puts it on its search path itself. */
  readonly listed?: { readonly folders: readonly string[]; readonly failure?: string };
  /** Nothing uses the package any more. Idempotent. */
  readonly release: () => void;
}

/** Installs what a session's application needs. */
export interface PackageInstaller {
  /**
   * @param patient waits for as long as it takes, not for as long as a bind may hold an executor that others could use
   * @throws FlameError saying why the package is not there; aborted on `signal`.
   */
  prepare(source: PackageSource, signal: AbortSignal, patient?: boolean): Promise<PreparedPackage>;
}

/** A service that was started before anybody needed it. */
export interface StartedService {
  readonly process: ServiceProcess;
  /** To be called when it has ended: nothing uses its package any more. */
  readonly release: () => void;
}

/** Services that were started before anybody needed them. */
export interface StartedServices {
  /**
   * One that is exactly what would be started; undefined: there is none. Whoever takes it ends it.
   * @param packages the list that the session needs, its own included
   */
  take(
    program: ServiceProgram,
    packages: readonly string[],
    signal: AbortSignal,
  ): Promise<StartedService | undefined>;
}

/** What came of opening a session: a service that entered it, or why there is none. */
export interface Opened {
  readonly returnCode: number;
  /** Why, for everything but {@link bindCodes.ok}. */
  readonly message: string;
  /** Present when a process runs, also when it refused to enter. */
  readonly session?: ServiceSession;
}

/** Opens sessions on this node: package, process, entering. */
export class ServiceHost {
  readonly #around: NodeServices;
  readonly #installer: PackageInstaller;
  readonly #started: StartedServices;

  constructor(around: NodeServices, installer: PackageInstaller, started: StartedServices) {
    this.#around = around;
    this.#installer = installer;
    this.#started = started;
  }

  /**
   * Never rejects: every failure is a result that names the step, the application and the reason.
   * @param patient as for {@link PackageInstaller.prepare}
   */
  async open(
    executorId: string,
    given: Binding,
    signal: AbortSignal,
    patient = false,
  ): Promise<Opened> {
    const { application } = given;
    if (given.shim !== Shim.Host) {
      return failed(
        bindCodes.start,
        `application "${application.name}" needs the Wasm shim; this node offers Host`,
      );
    }
    let prepared: PreparedPackage;
    try {
      prepared = await this.#installer.prepare(given.source, signal, patient);
    } catch (thrown) {
      return failed(
        bindCodes.package,
        `cannot install the package of application "${application.name}": ${textOf(thrown)}`,
      );
    }
    const binding = withListed(given, prepared.listed);
    const program = { application, packageVariables: prepared.variables };
    const user = { executorId, sessionId: binding.sessionId };
    try {
      const entered = await this.#enterStarted(program, user, binding, signal);
      if (entered !== undefined) {
        // It has a hold of its own on the same package.
        prepared.release();
        return entered;
      }
      const process = await startServiceProcess(this.#around, program, executorId, user, signal);
      return await enter(new ServiceSession(process, binding, signal, prepared.release), binding);
    } catch (thrown) {
      prepared.release();
      return failed(
        bindCodes.start,
        `cannot start the service of application "${application.name}": ${textOf(thrown)}`,
      );
    }
  }

  /** With a service that runs already; undefined: there is none, or it died before it could answer. */
  async #enterStarted(
    program: ServiceProgram,
    user: ServiceUser,
    binding: Binding,
    signal: AbortSignal,
  ): Promise<Opened | undefined> {
    const started = await this.#started.take(program, binding.source.packages, signal);
    if (started === undefined) return undefined;
    const session = new ServiceSession(started.process, binding, signal, started.release);
    try {
      await started.process.worksFor(user);
    } catch (thrown) {
      await session.stop();
      throw thrown;
    }
    const opened = await enter(session, binding);
    if (opened.returnCode === bindCodes.ok || session.alive || signal.aborted) return opened;
    await session.stop();
    return undefined;
  }
}

function withListed(binding: Binding, listed: PreparedPackage["listed"]): Binding {
  if (listed === undefined) return binding;
  const packages = { folders: [...listed.folders], failure: listed.failure };
  return { ...binding, context: { ...binding.context, packages } };
}

async function enter(session: ServiceSession, { application }: Binding): Promise<Opened> {
  const { returnCode, message } = await session.enter();
  if (returnCode === 0) return { returnCode: bindCodes.ok, message: "", session };
  const text = `the service of application "${application.name}" did not enter the session: ${message ?? ""}`;
  return { returnCode: bindCodes.enter, message: text, session };
}

function failed(returnCode: number, message: string): Opened {
  return { returnCode, message };
}
