import { type CheckedManifest, checkManifest } from "../manifest/manifest.ts";
import { wireText } from "../manifest/manifest-fault.ts";
import type { ApplicationRecord } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import { applicationSpecFromWire } from "../protocol/application-wire.ts";
import type {
  FrontendServer,
  RegisterApplicationRequest,
  UpdateApplicationRequest,
} from "../protocol/generated/flame/v1/frontend.ts";
import type { Application, Result } from "../protocol/generated/flame/v1/types.ts";
import { applicationToWire } from "../protocol/record-wire.ts";
import { callerOf } from "../security/authentication.ts";
import { requiredField, unary } from "./call-helpers.ts";
import type { Engine } from "./engine.ts";
import type { ListSizes } from "./list-sizes.ts";
import type { ReplyHold } from "./reply-hold.ts";
import { replyRoom } from "./reply-size.ts";

export interface ApplicationCallDeps {
  readonly engine: Engine;
  /** Schemes of `url` besides `file` and the object cache's. */
  readonly allowedSchemes: readonly string[];
  readonly replies: ReplyHold;
  readonly sizes: ListSizes;
}

type ApplicationCalls = Pick<
  FrontendServer,
  | "registerApplication"
  | "updateApplication"
  | "unregisterApplication"
  | "getApplication"
  | "listApplication"
>;

/**
 * The application calls of the Frontend. Malformed input is a gRPC status; what the registry refuses comes as a Result
 * with return_code -1, as published clients expect (docs/protocol.md, "Applications").
 */
export function applicationCalls(deps: ApplicationCallDeps): ApplicationCalls {
  const { engine } = deps;
  return {
    registerApplication: unary((request, call) =>
      asResult(async () => {
        const { name, manifest, spec } = check(request, deps, "RegisterApplication");
        const author = authorOf(call);
        await engine
          .of(call.getPeer())
          .ask("application.register", { name, manifest, spec, origin: "api", author });
      }),
    ),

    updateApplication: unary((request, call) =>
      asResult(async () => {
        const { name, manifest, spec } = check(request, deps, "UpdateApplication");
        const author = authorOf(call);
        await engine
          .of(call.getPeer())
          .ask("application.update", { name, manifest, spec, origin: "api", author });
      }),
    ),

    unregisterApplication: unary(({ name }, call) =>
      asResult(async () => {
        await engine.of(call.getPeer()).ask("application.unregister", { name });
      }),
    ),

    getApplication: unary(async ({ name }, call) =>
      applicationToWire(await engine.of(call.getPeer()).ask("application.get", { name })),
    ),

    listApplication: unary(async (_request, call) => {
      await deps.replies.take(call, deps.sizes.applications(), { wait: false });
      const records = await engine.of(call.getPeer()).ask("application.list", {});
      return { applications: withinRoom(records, replyRoom(call.metadata)) };
    }),
  };
}

/** What the registry itself refuses, as opposed to a malformed message. */
class Refusal extends Error {}

async function asResult(act: () => Promise<void>): Promise<Result> {
  try {
    await act();
    return { returnCode: 0, message: undefined };
  } catch (thrown) {
    const error = FlameError.from(thrown);
    const refused =
      thrown instanceof Refusal ||
      ["already_exists", "not_found", "invalid_state"].includes(error.code);
    if (!refused) throw error;
    return { returnCode: -1, message: error.message };
  }
}

function check(
  request: RegisterApplicationRequest | UpdateApplicationRequest,
  deps: ApplicationCallDeps,
  call: string,
): CheckedManifest {
  const spec = requiredField(request.application, "the application spec", call);
  const raw = { metadata: { name: request.name }, spec: applicationSpecFromWire(spec) };
  const checked = checkManifest(raw, { allowedSchemes: deps.allowedSchemes });
  if (checked.ok) return checked;
  const text = wireText(checked.faults);
  // A bad name alone is a refusal; with anything malformed beside it, the message as a whole is.
  if (checked.faults.every((fault) => fault.kind === "name")) throw new Refusal(text);
  throw new FlameError("invalid_argument", text);
}

function authorOf(call: Parameters<typeof callerOf>[0]): string {
  const caller = callerOf(call);
  return `${caller.name} (${caller.from})`;
}

/** Leaves out attached schemas, then descriptions, when the list would pass what the caller can receive. */
function withinRoom(records: readonly ApplicationRecord[], room: number): Application[] {
  const applications = records.map(applicationToWire);
  const bytes = (): number =>
    Buffer.byteLength(
      JSON.stringify(
        applications.map((one) => one.spec),
        bigintsAsText,
      ),
    );
  for (const field of ["schema", "description"] as const) {
    if (bytes() <= room) break;
    for (const { spec } of applications) {
      if (spec !== undefined) spec[field] = undefined;
    }
  }
  return applications;
}

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
