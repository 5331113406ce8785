import { once } from "node:events";
import type { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Node, ResourceRequirement } from "../../src/protocol/generated/flame/v1/types.ts";
import { call, failure, openTarget, status, type Target } from "./target.ts";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

const modest = { cpu: 2n, memory: 2n ** 31n, gpu: 0 };
const statusOf = (capacity: ResourceRequirement): Node["status"] => ({
  state: 1,
  capacity,
  allocatable: modest,
  info: undefined,
  addresses: [],
  lastHeartbeatTime: 0n,
});
const register = (name: string, capacity = modest) =>
  call(target.backend, "registerNode", {
    node: { metadata: { id: name, name }, spec: undefined, status: statusOf(capacity) },
    executors: [],
  });

it("learns from the headers of its watch whose session manager it is", async () => {
  const watch = target.backend.watchNode();
  watch.on("error", () => undefined);
  const [headers] = (await once(watch, "metadata")) as [Metadata];
  watch.cancel();
  // Nodes ask another one again for the orders that it loses (docs/protocol.md, "WatchNode").
  expect(headers.get("flame-version")).toEqual([expect.stringMatching(/^\d/)]);
});

describe("a node that cannot be", () => {
  it.each([
    ["without a name", "", /invalid node name: got "" \(0 bytes\), expected 1 to 253 bytes/],
    ["with a name that is too long", "x".repeat(254), /\(254 bytes\), expected 1 to 253 bytes/],
    ["with a control character in its name", "a\nb", /invalid node name: got "a\\nb"/],
  ])("%s is refused", async (_why, name, details) => {
    expect(await failure(register(name))).toEqual({
      code: status.invalidArgument,
      details: expect.stringMatching(details),
    });
  });

  it("for its capacity is refused, and the list of nodes stays readable", async () => {
    await register("n-modest");
    expect(await failure(register("n-huge", { ...modest, memory: 2n ** 64n - 1n }))).toEqual({
      code: status.invalidArgument,
      details: expect.stringContaining("invalid capacity: got memory 18446744073709551615"),
    });
    const { nodes } = await call(target.frontend, "listNodes", {});
    expect(nodes.map((node) => node.metadata?.id)).toEqual(["n-modest"]);
  });

  it("gets its watch ended with the reason, and the server goes on", async () => {
    const watch = target.backend.watchNode();
    watch.resume();
    const ended = once(watch, "error");
    watch.write({
      heartbeat: { nodeName: "n-modest", status: statusOf({ ...modest, cpu: 2n ** 63n }) },
    });
    expect((await ended)[0]).toMatchObject({
      code: status.invalidArgument,
      details: expect.stringContaining("invalid capacity: got cpu 9223372036854775808"),
    });
    await call(target.backend, "releaseNode", { nodeName: "n-modest" });
  });
});
