import { FlameError } from "../model/errors.ts";
import type * as pb from "../protocol/generated/flame/registry/v1/registry.ts";
import { type FrontendClient, registry } from "./frontend-client.ts";
import type {
  AbsentApplication,
  ApplicationHistory,
  ApplyResult,
  ChangeOptions,
  ManifestDocument,
  Registry,
  RegistryApplication,
  RegistryChange,
  RevisionInfo,
} from "./registry-types.ts";
import {
  decodeOutcome,
  decodeRegistryApplication,
  decodeRevision,
  decodeWatchEvent,
} from "./registry-wire.ts";
import { toDate } from "./wire.ts";

/**
 * The application registry beyond the published calls (docs/protocol.md, "The registry"). Every call throws FlameError;
 * unimplemented when the session manager is of another make.
 */
export class RegistryClient implements Registry {
  readonly #rpc: FrontendClient;

  /** Made by FlameClient. */
  constructor(rpc: FrontendClient) {
    this.#rpc = rpc;
  }

  async apply(
    documents: readonly ManifestDocument[],
    options: ChangeOptions & { readonly continueOnError?: boolean } = {},
  ): Promise<ApplyResult[]> {
    const { dryRun = false, continueOnError = false, force = false, owner } = options;
    const request = {
      documents: documents.map(({ manifest, expectedRevision }) => ({
        manifest,
        expectedRevision: wireRevision(expectedRevision),
      })),
      dryRun,
      continueOnError,
      owner,
      force,
    };
    const { outcomes } = await this.#rpc.unary(registry.apply, request);
    return outcomes.map(decodeOutcome);
  }

  async get(name: string): Promise<RegistryApplication> {
    const application = decodeRegistryApplication(await this.#rpc.unary(registry.get, { name }));
    return application as RegistryApplication;
  }

  async list(
    options: { readonly brief?: boolean } = {},
  ): Promise<(RegistryApplication | AbsentApplication)[]> {
    const applications: (RegistryApplication | AbsentApplication)[] = [];
    for await (const page of this.#rpc.stream(registry.list, { brief: options.brief ?? false })) {
      applications.push(...page.applications.map(decodeRegistryApplication));
    }
    return applications;
  }

  async ofSession(sessionId: string): Promise<RevisionInfo> {
    return decodeRevision(await this.#rpc.unary(registry.getOfSession, { sessionId }));
  }

  async revisions(name: string): Promise<RevisionInfo[]> {
    const { revisions } = await this.history(name);
    if (revisions.length > 0) return [...revisions];
    throw new FlameError(
      "not_found",
      `application ${JSON.stringify(name)} not found: it was unregistered`,
    );
  }

  async history(name: string): Promise<ApplicationHistory> {
    const { revisions, removals } = await this.#rpc.unary(registry.listRevisions, { name });
    return {
      revisions: revisions.map(decodeRevision),
      removals: removals.map(({ time, author, revision }) => {
        return { time: toDate(time), author, revision: Number(revision) };
      }),
    };
  }

  async rollback(
    name: string,
    options: ChangeOptions & { readonly to?: number; readonly expectedRevision?: number } = {},
  ): Promise<ApplyResult> {
    const { to, expectedRevision, owner, force = false, dryRun = false } = options;
    const request: pb.RollbackRequest = {
      name,
      to: wireRevision(to),
      expectedRevision: wireRevision(expectedRevision),
      owner,
      force,
      dryRun,
    };
    return decodeOutcome(await this.#rpc.unary(registry.rollback, request));
  }

  async remove(
    name: string,
    options: Omit<ChangeOptions, "dryRun"> & {
      readonly expectedRevision?: number;
      readonly whenUnused?: boolean;
    } = {},
  ): Promise<boolean> {
    const { expectedRevision, owner, force = false, whenUnused = false } = options;
    const expected = { expectedRevision: wireRevision(expectedRevision) };
    const request = { name, ...expected, owner, force, whenUnused };
    return (await this.#rpc.unary(registry.remove, request)).removed;
  }

  async *watch(name?: string, signal?: AbortSignal): AsyncGenerator<RegistryChange, void, void> {
    const events = this.#rpc.stream(registry.watch, { name }, undefined, signal);
    for await (const event of events) {
      yield* decodeWatchEvent(event);
    }
  }
}

function wireRevision(revision: number | undefined): bigint | undefined {
  return revision === undefined ? undefined : BigInt(revision);
}
