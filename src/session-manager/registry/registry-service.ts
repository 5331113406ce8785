import type { ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import type { Admission } from "../../application-registry/admission.ts";
import type { ChangeGuard } from "../../application-registry/index.ts";
import type { ManifestSource } from "../../application-registry/manifest-source.ts";
import type { SourceFaults } from "../../application-registry/source-faults.ts";
import { FlameError } from "../../model/errors.ts";
import type {
  Application,
  ListRequest,
  ListResponse,
  ListRevisionsResponse,
  RegistryServer,
  RemoveRequest,
} from "../../protocol/generated/flame/registry/v1/registry.ts";
import { callerOf } from "../../security/authentication.ts";
import type { Store } from "../../storage/store.ts";
import { authorOf, drained, failStream, unary } from "../calls/call-helpers.ts";
import type { Engine } from "../engine/engine.ts";
import type { EngineDoor } from "../engine/engine-door.ts";
import { applyDocuments } from "./registry-apply.ts";
import { findRevision, listRevisions, rollback } from "./registry-revisions.ts";
import { watchRegistry } from "./registry-watch.ts";
import {
  absentToWire,
  outcomeToWire,
  registryApplicationToWire,
  removalToWire,
  revisionToWire,
} from "./registry-wire.ts";

export interface RegistryDeps {
  readonly engine: Engine;
  readonly store: Store;
  readonly admission: Admission;
  readonly faults: SourceFaults;
}

/** `flame.registry.v1.Registry`: docs/protocol.md, "The registry". */
export function registryService(deps: RegistryDeps): RegistryServer {
  const { engine, store, faults } = deps;
  const door = (call: ServerUnaryCall<unknown, unknown>): EngineDoor =>
    engine.of(undefined, callerOf(call));
  return {
    apply: unary(async (request, call) => {
      const source = sourceOf(call, request.owner);
      const outcomes = await applyDocuments({ ...deps, engine: door(call) }, request, source);
      return { outcomes: outcomes.map(outcomeToWire) };
    }),

    get: unary(async ({ name }) => {
      const [view] = await engine.ask("application.view", { name });
      if (view === undefined) throw new FlameError("internal", `application ${name} has no view`);
      return registryApplicationToWire({ ...view, faults: faults.of(name) });
    }),

    list: (call) => {
      void list(deps, call).catch((thrown: unknown) => {
        failStream(call, thrown);
      });
    },

    getOfSession: unary(async ({ sessionId }, call) => {
      const { name, revision } = await door(call).ask("application.ofSession", { sessionId });
      return revisionToWire(await findRevision(store, name, revision));
    }),

    listRevisions: unary(({ name }) => history(deps, name)),

    rollback: unary(async (request, call) =>
      outcomeToWire(
        await rollback({ ...deps, engine: door(call) }, request, sourceOf(call, request.owner)),
      ),
    ),

    remove: unary(async (request, call) => {
      const { name, whenUnused } = request;
      const author = authorOf(callerOf(call));
      const input = { name, author, whenUnused, ...guardOf(request) };
      return { removed: (await door(call).ask("application.remove", input)) === "removed" };
    }),

    watch: watchRegistry(deps),
  };
}

/** Also of an application that was unregistered. @throws FlameError not_found for one that never was */
async function history(
  { engine, store }: RegistryDeps,
  name: string,
): Promise<ListRevisionsResponse> {
  const present = await engine
    .ask("application.get", { name })
    .catch((thrown: unknown) => FlameError.from(thrown));
  const removals = (await store.readRemovals(name)).map(removalToWire);
  if (!(present instanceof FlameError))
    return {
      revisions: await listRevisions(store, name),
      present: BigInt(present.revision),
      removals,
    };
  if (present.code === "not_found" && removals.length > 0)
    return { revisions: [], present: 0n, removals };
  throw present;
}

/** Who keeps what is applied speaks as a file does: the revision is of that origin. */
function sourceOf(
  call: ServerUnaryCall<unknown, unknown>,
  owner: string | undefined,
): ManifestSource {
  const author = authorOf(callerOf(call));
  if (owner === undefined) return { origin: "api", author };
  if (owner.trim() === "" || owner.length > OWNER_CHARACTERS_MAX) {
    const text = `owner: got a text of ${owner.length} characters, expected the name of a file or tool, of 1 to ${OWNER_CHARACTERS_MAX} characters; leave it out for a change by hand`;
    throw new FlameError("invalid_argument", text);
  }
  return { origin: "file", author, owner };
}

const OWNER_CHARACTERS_MAX = 4096;

function guardOf({ expectedRevision, owner, force }: RemoveRequest): ChangeGuard {
  return {
    force,
    ...(owner !== undefined && { owner }),
    ...(expectedRevision !== undefined && { expectedRevision: Number(expectedRevision) }),
  };
}

/** A message of a list holds so many applications, or so many characters of manifests, and one more. */
const LIST_PAGE = { applications: 200, characters: 1024 * 1024 };

/** All applications, no faster than the client reads. */
async function list(
  { engine, faults }: RegistryDeps,
  call: ServerWritableStream<ListRequest, ListResponse>,
): Promise<void> {
  const { brief } = call.request;
  const views = await engine.ask("application.view", {});
  const absent = new Set(faults.names());
  let applications: Application[] = [];
  let characters = 0;
  for (const view of views) {
    absent.delete(view.record.name);
    const one = registryApplicationToWire({ ...view, brief, faults: faults.of(view.record.name) });
    applications.push(one);
    characters += one.revision?.manifest.length ?? 0;
    if (applications.length < LIST_PAGE.applications && characters < LIST_PAGE.characters) continue;
    if (!call.write({ applications })) await drained(call);
    if (call.cancelled) return;
    [applications, characters] = [[], 0];
  }
  for (const name of absent) applications.push(absentToWire(name, faults.of(name)));
  call.write({ applications });
  call.end();
}
