import { beforeEach, describe, expect, it } from "@jest/globals";
import { NodeBook, type NodeEntry } from "../../../src/executors/node-book.ts";
import { Flag } from "../../../src/kit/flag.ts";
import { Turn } from "../../../src/kit/turn.ts";
import type { Change } from "../../../src/model/change.ts";
import type { FlameError } from "../../../src/model/errors.ts";
import type { NodeRecord, NodeState } from "../../../src/model/node.ts";
import { streamToken } from "../../support/tokens.ts";

const size = { cpu: 4, memory: 8, gpu: 1 };
const stored = (state: NodeState): NodeRecord => ({
  name: "n1",
  state,
  capacity: size,
  allocatable: size,
  arch: "x86_64",
  os: "linux",
  lastHeartbeat: 1,
});
let book: NodeBook;
let wanted: Flag;
let turn: Turn<Change, FlameError>;

beforeEach(() => {
  wanted = new Flag();
  book = new NodeBook(wanted);
  turn = new Turn(100);
});

describe("the book of nodes", () => {
  it.each([
    ["Ready", "Unknown"],
    ["Unknown", "Unknown"],
    ["NotReady", "NotReady"],
  ] as const)("a node that was stored as %s is %s after a restart", (was, is) => {
    expect(book.restore(stored(was), 100).record.state).toBe(is);
  });

  it("keeps what a report leaves out", () => {
    book.restore({ ...stored("Unknown"), shim: "Host" }, 100);
    const entry = book.register(
      turn,
      { name: "n1", allocatable: { cpu: 2, memory: 4, gpu: 0 } },
      {},
    );
    expect(entry.record).toEqual({
      ...stored("Ready"),
      allocatable: { cpu: 2, memory: 4, gpu: 0 },
      shim: "Host",
      lastHeartbeat: 100,
    });
  });

  it("offers its whole capacity when it does not say what is allocatable", () => {
    expect(book.register(turn, { name: "n1", capacity: size }, {}).record.allocatable).toEqual(
      size,
    );
  });

  it("a heartbeat is not written, and says nothing of a node that is not Ready", () => {
    const entry = book.restore(stored("Ready"), 100);
    book.beat(entry, { name: "n1", allocatable: { ...size, cpu: 9 } }, 200);
    expect(entry.record).toEqual(stored("Unknown"));
    book.register(turn, { name: "n1" }, {});
    const changes = turn.changes.length;
    book.beat(entry, { name: "n1", allocatable: { ...size, cpu: 9 } }, 200);
    expect(entry.record).toMatchObject({ allocatable: { cpu: 9 }, lastHeartbeat: 200 });
    expect(turn.changes).toHaveLength(changes);
  });

  it("keeps what it has to say until a stream is there, in order", () => {
    const entry = book.register(turn, { name: "n1" }, {});
    const push = (id: string) => ({
      executor: { id, node: "n1", resreq: size, shim: "Host", state: "Void" } as const,
      released: false,
    });
    book.push(turn, entry, push("e1"));
    book.push(turn, entry, push("e2"));
    expect(turn.effects).toEqual([]);
    book.attach(turn, entry, streamToken(7));
    book.push(turn, entry, push("e3"));
    expect(turn.effects).toEqual(
      ["e1", "e2", "e3"].map((id) => ({ kind: "push", to: 7, value: push(id) })),
    );
  });
});

describe("the scheduler is to look again", () => {
  it.each<[string, (entry: NodeEntry) => unknown]>([
    ["a registration", () => book.register(turn, { name: "n1" }, {})],
    ["another state", (entry) => book.setState(turn, entry, "NotReady")],
    ["another shim", (entry) => book.setShim(turn, entry, "Wasm")],
    ["a node that is gone", (entry) => book.delete(turn, entry)],
  ])("after %s", (_what, change) => {
    const entry = book.restore(stored("Ready"), 100);
    expect(wanted.isRaised).toBe(false);
    change(entry);
    expect(wanted.isRaised).toBe(true);
  });

  it("after a heartbeat that tells of other room, and after no other one", () => {
    const entry = book.register(turn, { name: "n1", capacity: size }, {});
    wanted.lower();
    expect(book.beat(entry, { name: "n1", allocatable: { ...size } }, 200)).toBe(false);
    expect(wanted.isRaised).toBe(false);
    expect(book.beat(entry, { name: "n1", allocatable: { ...size, gpu: 0 } }, 300)).toBe(true);
    expect(wanted.isRaised).toBe(true);
  });
});
