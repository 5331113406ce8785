import { textOf } from "../kit/thrown.ts";
import { Shim } from "../protocol/generated/flame/v1/types.ts";
import type { Binding } from "./executor-messages.ts";
import type { PackageSource } from "./packages/package-source.ts";
import type { PackageVariables } from "./service-environment.ts";
import { type ServiceSurroundings, startServiceProcess } from "./service-process.ts";
import { ServiceSession } from "./service-session.ts";

/** `return_code` of a failed bind, by step (docs/protocol.md, "Events"). */
export const bindCodes = { ok: 0, package: 10, start: 11, enter: 12 } as const;

/** An installed package; it stays until it is released. */
export interface PreparedPackage {
  readonly variables: PackageVariables;
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

/** What came of opening a session: a service that entered it, or why there is none. */
export interface Opened {
  readonly returnCode: number;
  /** Why, for everything but {@link bindCodes.ok}. */
  readonly message: string;
  /** Present when a process runs, also when it refused to enter. */
  readonly session?: ServiceSession;
}

/** Opens sessions on this node: package, process, OnSessionEnter. */
export class ServiceHost {
  readonly #around: ServiceSurroundings;
  readonly #installer: PackageInstaller;

  constructor(around: ServiceSurroundings, installer: PackageInstaller) {
    this.#around = around;
    this.#installer = installer;
  }

  /**
   * Never rejects: every failure is a result that names the step, the application and the reason.
   * @param patient as for {@link PackageInstaller.prepare}
   */
  async open(
    executorId: string,
    binding: Binding,
    signal: AbortSignal,
    patient = false,
  ): Promise<Opened> {
    const { application } = binding;
    if (binding.shim !== Shim.Host) {
      return failed(
        bindCodes.start,
        `application "${application.name}" needs the Wasm shim; this node offers Host`,
      );
    }
    let prepared: PreparedPackage;
    try {
      prepared = await this.#installer.prepare(binding.source, signal, patient);
    } catch (thrown) {
      return failed(
        bindCodes.package,
        `cannot install the package of application "${application.name}": ${textOf(thrown)}`,
      );
    }
    let session: ServiceSession;
    try {
      const process = await startServiceProcess(
        this.#around,
        executorId,
        binding.sessionId,
        application,
        prepared.variables,
        signal,
      );
      session = new ServiceSession(process, binding, signal, prepared.release);
    } catch (thrown) {
      prepared.release();
      return failed(
        bindCodes.start,
        `cannot start the service of application "${application.name}": ${textOf(thrown)}`,
      );
    }
    const { returnCode, message } = await session.enter();
    if (returnCode === 0) return { returnCode: bindCodes.ok, message: "", session };
    const text = `the service of application "${application.name}" did not enter the session: ${message ?? ""}`;
    return { returnCode: bindCodes.enter, message: text, session };
  }
}

function failed(returnCode: number, message: string): Opened {
  return { returnCode, message };
}
