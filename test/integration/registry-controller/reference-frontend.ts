import { status } from "@grpc/grpc-js";
import type * as frontend from "../../../src/protocol/generated/flame/v1/frontend.ts";
import * as pb from "../../../src/protocol/generated/flame/v1/types.ts";
import { ScriptedFrontend } from "../client/frontend.ts";

/** The storage engines of the published session manager, which differ in what they keep and refuse. */
export type ReferenceEngine = "sql" | "fs" | "none";

const ok: pb.Result = { returnCode: 0, message: undefined };
const refused = (message: string): pb.Result => ({ returnCode: -1, message });

/** The application calls of the published session manager, its peculiarities included. */
export class ReferenceFrontend {
  readonly server: ScriptedFrontend;
  readonly applications = new Map<string, pb.Application>();
  /** Names of applications with an open session, once for each. */
  openSessions: string[] = [];
  /** Every call that changes something, as `update a`. */
  readonly changes: string[] = [];
  /** Somebody who is faster than the controller. */
  afterRegister: (name: string) => void = () => undefined;
  readonly #engine: ReferenceEngine;
  #time = 1_700_000_000_000n;

  constructor(engine: ReferenceEngine) {
    this.#engine = engine;
    this.server = new ScriptedFrontend({
      unary: {
        registerApplication: (request: frontend.RegisterApplicationRequest) =>
          this.#register(request),
        updateApplication: (request: frontend.UpdateApplicationRequest) => this.#update(request),
        unregisterApplication: ({ name }: frontend.UnregisterApplicationRequest) =>
          this.#unregister(name),
        getApplication: ({ name }: frontend.GetApplicationRequest) => this.#get(name),
        listApplication: () => ({ applications: this.#inNoOrder() }),
        listSession: () => ({ sessions: this.openSessions.map(sessionOf) }),
      },
    });
  }

  #register({ name, application }: frontend.RegisterApplicationRequest): pb.Result {
    this.changes.push(`register ${name}`);
    if (this.applications.has(name) && this.#engine === "sql") {
      return refused("UNIQUE constraint failed: applications.name");
    }
    if (this.applications.has(name) && this.#engine === "fs") {
      return refused(`Application '${name}' already exists`);
    }
    this.#time += 1n;
    this.applications.set(name, {
      metadata: { id: name, name },
      spec: this.#kept(application),
      status: { state: 0, creationTime: this.#time },
    });
    this.afterRegister(name);
    return ok;
  }

  #update({ name, application }: frontend.UpdateApplicationRequest): pb.Result {
    this.changes.push(`update ${name}`);
    const before = this.applications.get(name);
    if (before === undefined) return refused("no rows returned by a query");
    const refusal = this.#openSessions(name);
    if (refusal !== undefined) return refusal;
    const spec = this.#kept(application);
    // The file system's update leaves the shim as it was registered.
    if (this.#engine === "fs") spec.shim = before.spec?.shim ?? 0;
    this.applications.set(name, { ...before, spec });
    return ok;
  }

  #unregister(name: string): pb.Result {
    this.changes.push(`unregister ${name}`);
    const refusal = this.#openSessions(name);
    if (refusal !== undefined) return refusal;
    if (!this.applications.delete(name) && this.#engine === "fs") return refused("not found");
    return ok;
  }

  #openSessions(name: string): pb.Result | undefined {
    const open = this.openSessions.filter((one) => one === name).length;
    if (open === 0 || this.#engine === "none") return undefined;
    return refused(
      this.#engine === "sql" ? `${open} open sessions in the application` : "has open sessions",
    );
  }

  #get(name: string): pb.Application {
    const found = this.applications.get(name);
    if (found !== undefined) return found;
    throw Object.assign(new Error(name), { code: status.NOT_FOUND, details: name });
  }

  /** SQL loses shim and image; all fill in defaults, drop an empty folder, and shuffle the environment. */
  #kept(application: pb.ApplicationSpec | undefined): pb.ApplicationSpec {
    const spec = pb.ApplicationSpec.fromPartial(application ?? {});
    return {
      ...spec,
      ...(this.#engine === "sql" && { shim: 0, image: undefined }),
      workingDirectory: spec.workingDirectory === "" ? undefined : spec.workingDirectory,
      maxInstances: spec.maxInstances ?? 1_000_000,
      delayRelease: spec.delayRelease ?? 60n,
      environments: [...spec.environments].reverse(),
    };
  }

  #inNoOrder(): pb.Application[] {
    const all = [...this.applications.values()];
    return [...all.slice(1), ...all.slice(0, 1)].reverse();
  }
}

function sessionOf(application: string, index: number): pb.Session {
  return pb.Session.fromPartial({
    metadata: { id: `s${index}`, name: `s${index}` },
    spec: { application },
    status: { state: 0, creationTime: 1n },
  });
}
