import { EventEmitter } from "node:events";
import { Metadata, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { FrontendService } from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { CallLimits, measured } from "../../../src/session-manager/calls/call-limits.ts";
import { SharedLimit } from "../../../src/session-manager/calls/shared-limit.ts";

interface Refusal {
  readonly code: number;
  readonly details: string;
}

/** A call of some connection; what the guard said of it. */
class FakeCall extends EventEmitter {
  readonly request: object;
  readonly metadata = new Metadata();
  readonly #peer: string;
  refused: Refusal | undefined;

  constructor(peer: string, request: object = {}) {
    super();
    this.#peer = peer;
    this.request = request;
    this.on("error", (refusal: Refusal) => {
      this.refused = refusal;
    });
  }

  getPeer(): string {
    return this.#peer;
  }
}

let limits: Record<"watchers" | "calls" | "requestBytes", SharedLimit>;
let begun: FakeCall[];
let service: UntypedServiceImplementation;

beforeEach(() => {
  begun = [];
  limits = {
    watchers: new SharedLimit(16),
    calls: new SharedLimit(8),
    requestBytes: new SharedLimit(100_000),
  };
  const begin = (call: unknown): void => void begun.push(call as FakeCall);
  service = new CallLimits(limits).guard({ watchTask: begin, createTask: begin });
});

/** Makes a call; undefined when its handler has it, else the refusal. */
function make(rpc: "watchTask" | "createTask", call: FakeCall): Refusal | undefined {
  const handler = service[rpc] as unknown as (call: FakeCall, callback?: unknown) => void;
  if (rpc === "watchTask") handler(call);
  else handler(call, (error: Refusal) => (call.refused = error));
  return call.refused;
}
const many = (rpc: "watchTask" | "createTask", peer: string, count: number): FakeCall[] => {
  const calls = Array.from({ length: count }, () => new FakeCall(peer));
  for (const call of calls) make(rpc, call);
  return calls;
};
const served = (calls: readonly FakeCall[]): number =>
  calls.filter(({ refused }) => refused === undefined).length;
/** A CreateTask as it comes off the wire. */
function large(peer: string, bytes: number): FakeCall {
  const { requestSerialize, requestDeserialize } = measured(FrontendService).createTask;
  const task = { sessionId: "s", input: Buffer.alloc(bytes), output: undefined };
  return new FakeCall(peer, requestDeserialize(requestSerialize({ task })));
}

describe("the limits of clients", () => {
  it("give each client as many watches as are still free, and each connection as many as its client has left", () => {
    const peers = ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.1:4", "10.0.0.1:5"];
    expect(peers.map((peer) => served(many("watchTask", peer, 16)))).toEqual([4, 2, 1, 1, 0]);
    const refused = make("watchTask", new FakeCall("10.0.0.1:1"));
    expect(refused).toMatchObject({
      code: 8,
      details: expect.stringContaining(
        "too many watches: this connection has 4 under way, its client 8, and of the 16 that all clients share (cluster.limits.max_watchers) 8 are free",
      ),
    });
    // Half of what one client left is for the next one, and half of that for its first connection.
    expect(served(many("watchTask", "10.0.0.2:1", 16))).toBe(2);
    expect(served(many("watchTask", "10.0.0.2:2", 16))).toBe(1);
    expect(served(many("watchTask", "[::1]:7", 16))).toBe(2);
  });

  it("let one connection watch a quarter of what all clients share: 25,000 by default", () => {
    limits.watchers = new SharedLimit(100_000);
    service = new CallLimits(limits).guard({
      watchTask: (call: unknown) => void begun.push(call as FakeCall),
    });
    expect(served(many("watchTask", "10.0.0.1:1", 25_001))).toBe(25_000);
  });

  it("count watches and other calls apart: who watches all it may can still ask", () => {
    many("watchTask", "10.0.0.1:1", 16);
    expect(served(many("createTask", "10.0.0.1:1", 3))).toBe(2);
    expect(served(many("createTask", "10.0.0.1:2", 3))).toBe(1);
    expect(served(many("createTask", "10.0.0.2:1", 3))).toBe(2);
  });

  it("come back when a call ends, however it does", () => {
    const [first] = many("createTask", "10.0.0.1:1", 3);
    const [other] = many("createTask", "10.0.0.1:2", 1);
    expect(make("createTask", new FakeCall("10.0.0.1:1"))?.code).toBe(8);
    first?.emit("cancelled");
    expect(make("createTask", new FakeCall("10.0.0.1:1"))).toBeUndefined();
    for (const call of begun) call.emit("cancelled");
    other?.emit("cancelled");
    expect([limits.calls.free, limits.watchers.free]).toEqual([8, 16]);
    expect(served(many("createTask", "10.0.0.1:2", 3))).toBe(2);
  });

  it("give each connection as many bytes as are still free, and one request at any rate", () => {
    expect(make("createTask", large("a", 40_000))).toBeUndefined();
    const refused = make("createTask", large("a", 40_000));
    expect(refused?.details).toMatch(
      /^too many bytes at once: this request has 400\d\d, .*max_request_bytes/,
    );
    expect(make("createTask", new FakeCall("a"))).toBeUndefined();
    expect(make("createTask", large("b", 90_000))).toBeUndefined();
    // Nothing is left for anybody now.
    expect(make("createTask", large("c", 5_000))?.code).toBe(8);
    for (const call of begun) call.emit("cancelled");
    expect(limits.requestBytes.free).toBe(100_000);
  });

  it("say when to come again", () => {
    many("createTask", "a", 4);
    const call = new FakeCall("a");
    make("createTask", call);
    expect(call.refused).toHaveProperty("metadata");
  });
});
