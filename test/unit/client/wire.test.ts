import { describe, expect, it } from "@jest/globals";
import { decodeApplication, decodeApplicationSpec } from "../../../src/client/application-wire.ts";
import { fromResult, fromRpcError } from "../../../src/client/rpc-error.ts";
import { decodeSession, decodeTask, encodeSessionSpec } from "../../../src/client/wire.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";
import { applicationSpecToWire } from "../../../src/protocol/application-wire.ts";
import * as pb from "../../../src/protocol/generated/flame/v1/types.ts";

const everything: Required<ApplicationManifestSpec> = {
  shim: "Wasm",
  image: "image",
  description: "what it does",
  labels: ["a", "b"],
  command: "/bin/x",
  arguments: ["-m", "x"],
  environments: { KEY: "value", EMPTY: "" },
  working_directory: "/work",
  max_instances: 0,
  delay_release: -5,
  task_timeout: 4_294_967_295,
  max_crashes: 1,
  max_lost_nodes: 2,
  warm_instances: 0,
  schema: { input: "{}", output: "{}", common_data: "{}" },
  url: "file:///opt/x.whl",
  installer: "python",
  packages: ["numpy>=2"],
};

/** Through the bytes of the wire and back. */
function overTheWire(spec: ApplicationManifestSpec): ApplicationManifestSpec {
  const bytes = pb.ApplicationSpec.encode(applicationSpecToWire(spec)).finish();
  return decodeApplicationSpec(pb.ApplicationSpec.decode(bytes));
}

describe("application specifications on the wire", () => {
  it("carry every field", () => {
    expect(overTheWire(everything)).toEqual(everything);
  });

  it("keep absent fields absent", () => {
    expect(overTheWire({})).toEqual({ shim: "Host" });
    expect(overTheWire({ schema: {} })).toEqual({ shim: "Host", schema: {} });
  });

  it("come with name, state and time", () => {
    const application = decodeApplication({
      metadata: { id: "x", name: "x" },
      spec: applicationSpecToWire({}),
      status: { state: 1, creationTime: 1_000n },
    });
    expect(application).toEqual({
      name: "x",
      state: "Disabled",
      creationTime: new Date(1_000),
      spec: { shim: "Host" },
    });
  });
});

describe("sessions and tasks on the wire", () => {
  const metadata = { id: "s-1", name: "s-1" };
  const status = pb.SessionStatus.fromPartial({ state: 0, creationTime: 5n, cancelled: 2 });

  it("turn numbers into names and dates and leave absent fields out", () => {
    const spec = encodeSessionSpec({ application: "a" });
    expect(decodeSession({ metadata, spec, status })).toEqual({
      id: "s-1",
      application: "a",
      state: "Open",
      minInstances: 0,
      priority: 0,
      creationTime: new Date(5),
      pending: 0,
      running: 0,
      succeed: 0,
      failed: 0,
      cancelled: 2,
      forgotten: 0,
      events: [],
    });
  });

  it("carry a list of packages, and tell an empty one as none", () => {
    const listed = (packages: readonly string[]): readonly string[] | undefined => {
      const spec = encodeSessionSpec({ application: "a", packages });
      const bytes = pb.SessionSpec.encode(spec).finish();
      return decodeSession({ metadata, spec: pb.SessionSpec.decode(bytes), status }).packages;
    };
    expect(listed(["numpy>=2", "six"])).toEqual(["numpy>=2", "six"]);
    expect(listed([])).toBeUndefined();
  });

  it("tell empty bytes from none", () => {
    const commonData = new Uint8Array();
    const spec = encodeSessionSpec({ application: "a", commonData });
    expect(decodeSession({ metadata, spec, status })).toMatchObject({
      commonData: Buffer.alloc(0),
    });
  });

  it("refuse bounds of instances with which no task could run, by the names of the client", () => {
    const made = (bounds: object) => () => encodeSessionSpec({ application: "a", ...bounds });
    expect(made({ maxInstances: 0 })).toThrow(
      "maxInstances: got 0, expected a whole number from 1",
    );
    expect(made({ minInstances: 2, maxInstances: 1 })).toThrow(
      "minInstances: got 2, expected at most maxInstances, which is 1",
    );
  });

  it("refuse a state from the future by naming the field", () => {
    const task = pb.Task.fromPartial({ metadata, spec: {}, status: { state: 9 as 0 } });
    expect(() => decodeTask(task)).toThrow("Task.status.state is 9, expected 0 to 4");
    expect(() => decodeTask({ ...task, status: undefined })).toThrow("Task.status is missing");
  });
});

describe("errors of the server", () => {
  it.each([
    [5, "session x not found", "not_found"],
    [3, "invalid task id", "invalid_argument"],
    [9, "session x is not open", "invalid_state"],
    [11, "decoded message length too large", "resource_exhausted"],
    [14, "draining", "unavailable"],
    [2, "boom", "internal"],
    [13, "Received RST_STREAM with code 2 (Internal server error)", "unavailable"],
  ])("become FlameErrors: status %i %p is %s", (code, details, expected) => {
    expect(
      fromRpcError({ code, details, message: `${code} ${details}` }, "127.0.0.1"),
    ).toMatchObject({
      code: expected,
      message: expect.stringContaining(details),
    });
  });

  it("say why there is no connection without what the library says around it", () => {
    const details =
      "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ";
    expect(fromRpcError({ code: 14, details, message: details }, "127.0.0.1")).toMatchObject({
      message: "connect ECONNREFUSED 127.0.0.1:1",
    });
  });

  it.each([
    ["application x already exists", "already_exists"],
    ["application x not found", "not_found"],
    ["2 open sessions in the application", "invalid_state"],
    ["invalid name", "invalid_argument"],
  ])("inside an OK reply become FlameErrors: %p is %s", (message, code) => {
    expect(fromResult(message)).toMatchObject({ code, message });
  });
});
