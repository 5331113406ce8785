import type { Admission } from "../../application-registry/admission.ts";
import type { RegisterApplication } from "../../application-registry/index.ts";
import { wireText } from "../../manifest/manifest-fault.ts";
import type { ApplicationRecord } from "../../model/application.ts";
import { FlameError } from "../../model/errors.ts";
import { applicationSpecFromWire } from "../../protocol/application-wire.ts";
import type {
  FrontendServer,
  RegisterApplicationRequest,
  UpdateApplicationRequest,
} from "../../protocol/generated/flame/v1/frontend.ts";
import type { Application, Result } from "../../protocol/generated/flame/v1/types.ts";
import { applicationToWire } from "../../protocol/record-wire.ts";
import { callerOf } from "../../security/authentication.ts";
import { authorOf, doorOf, requiredField, unary } from "../calls/call-helpers.ts";
import type { ReplyHold } from "../calls/reply-hold.ts";
import { replyRoom } from "../calls/reply-size.ts";
import type { Engine } from "../engine/engine.ts";
import type { ListSizes } from "./list-sizes.ts";

export interface ApplicationCallDeps {
  readonly engine: Engine;
  readonly admission: Admission;
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
        const input = await admitted(deps, request, call, "RegisterApplication");
        await doorOf(engine, call).ask("application.register", input);
      }),
    ),

    updateApplication: unary((request, call) =>
      asResult(async () => {
        const input = await admitted(deps, request, call, "UpdateApplication");
        await doorOf(engine, call).ask("application.update", input);
      }),
    ),

    unregisterApplication: unary(({ name }, call) =>
      asResult(async () => {
        const author = authorOf(callerOf(call));
        await doorOf(engine, call).ask("application.unregister", { name, author });
      }),
    ),

    getApplication: unary(async ({ name }, call) =>
      applicationToWire(await doorOf(engine, call).ask("application.get", { name })),
    ),

    listApplication: unary(async (_request, call) => {
      await deps.replies.take(call, deps.sizes.applications(), { wait: false });
      const records = await doorOf(engine, call).ask("application.list", {});
      return {
        applications: withinRoom(records, deps.sizes.applications(), replyRoom(call.metadata)),
      };
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

/** @throws FlameError invalid_argument with all faults; a Refusal when only the name is wrong */
async function admitted(
  { admission }: ApplicationCallDeps,
  request: RegisterApplicationRequest | UpdateApplicationRequest,
  call: Parameters<typeof callerOf>[0],
  rpc: string,
): Promise<RegisterApplication> {
  const spec = requiredField(request.application, "the application spec", rpc);
  const fields = applicationSpecFromWire(spec);
  // The wire cannot tell Host from absent; absent is what the same manifest is as YAML.
  const raw = { ...fields, shim: fields.shim === "Host" ? undefined : fields.shim };
  const source = { origin: "api", author: authorOf(callerOf(call)) } as const;
  const checked = await admission.admit({ metadata: { name: request.name }, spec: raw }, source);
  if (checked.ok) {
    return {
      name: checked.name,
      manifest: checked.manifest,
      spec: checked.spec,
      ...source,
    };
  }
  const text = wireText(checked.faults);
  // A bad name alone is a refusal; with anything malformed beside it, the message as a whole is.
  if (checked.faults.every((fault) => fault.kind === "name")) throw new Refusal(text);
  throw new FlameError("invalid_argument", text);
}

/** Leaves out attached schemas, then descriptions, when the list would pass what the caller can receive. */
function withinRoom(
  records: readonly ApplicationRecord[],
  manifestChars: number,
  room: number,
): Application[] {
  const applications = records.map(applicationToWire);
  if (manifestChars * WIRE_BYTES_PER_CHAR_MAX + records.length * WIRE_BYTES_MAX <= room)
    return applications;
  const bytes = (): number =>
    Buffer.byteLength(
      JSON.stringify(
        applications.map(
          ({ spec }) => spec && { ...spec, delayRelease: spec.delayRelease?.toString() },
        ),
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

/** A character is up to 3 bytes, and the shortest environment variable, `"":"",`, stands in `{"name":"","value":""},`. */
const WIRE_BYTES_PER_CHAR_MAX = 4;
/** Of one application beside what its manifest says: the names of all keys, and their defaults. */
const WIRE_BYTES_MAX = 512;
