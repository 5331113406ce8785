import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import { LocalUsers } from "../../../src/security/local-users.ts";
import { SameUser } from "../../../src/security/same-user.ts";

const known = new LocalUsers({
  passwd: "root:x:0:0::/:/\nflame:x:500:500::/:/\nalice:x:1000:1000::/:/\n",
  group: "",
});
const rest = "00000000:00000000 00:00000000 00000000";

/** A machine on which each port of a client is of one user; counts how often its tables are read. */
class Machine {
  reads = 0;
  readonly #uids = new Map<number, number>();

  readonly tables = (): string[] => {
    this.reads++;
    const rows = [...this.#uids].map(([port, uid]) => {
      const hex = port.toString(16).toUpperCase().padStart(4, "0");
      return `  0: 0100007F:${hex} 0100007F:1F90 01 ${rest}  ${uid}        0 7 1`;
    });
    return [rows.join("\n")];
  };

  /** A connection of a user from a port; without a uid the kernel knows none. */
  connect(port: number, uid: number | undefined): Socket {
    if (uid !== undefined) this.#uids.set(port, uid);
    const ends = { localAddress: "127.0.0.1", localPort: 8080, remoteAddress: "127.0.0.1" };
    return Object.assign(new EventEmitter(), { ...ends, remotePort: port }) as unknown as Socket;
  }
}

function guarded(machine: Machine, users: readonly (string | number)[] = []): SameUser {
  const key = "cluster.security.clients";
  return new SameUser({ uid: 500, users, known, key, tables: machine.tables });
}

const ask = (same: SameUser, socket: Socket): unknown =>
  same.authenticate({ metadata: new Metadata(), certificate: undefined, ends: socket });

describe("same-user", () => {
  it.each([
    ["the daemon's own user", 500, "flame"],
    ["root", 0, "root"],
    ["a user whom the configuration names", 1000, "alice"],
    ["a uid that it names", 4711, "uid 4711"],
  ])("takes calls of %s, by name", (_who, uid, name) => {
    const machine = new Machine();
    const same = guarded(machine, ["alice", 4711]);
    const socket = machine.connect(40_000, uid);
    same.connected(socket);
    expect(ask(same, socket)).toEqual({ name, authenticatedBy: "same-user" });
  });

  it("refuses another user with who may call and what to do", () => {
    const machine = new Machine();
    const same = guarded(machine, ["4711"]);
    const socket = machine.connect(40_000, 1000);
    same.connected(socket);
    expect(ask(same, socket)).toMatch(
      /takes calls of the users flame, root, 4711 of its machine, and this one is of alice: .*cluster\.security\.users, or choose cluster\.security\.clients: token, mtls or open/,
    );
  });

  it.each([
    ["no row tells the user of", undefined],
    ["a user namespace does not map the user of", 65_534],
  ])("refuses a connection: %s it", (_why, uid) => {
    const machine = new Machine();
    const same = guarded(machine, [65_534]);
    const socket = machine.connect(40_000, uid);
    same.connected(socket);
    expect(ask(same, socket)).toMatch(
      /same-user, and which user calls from 127\.0\.0\.1:40000 cannot be told: .*token, mtls or open/,
    );
  });

  it("looks once for a connection, and anew for the next one of the same port", () => {
    const machine = new Machine();
    const same = guarded(machine);
    const first = machine.connect(40_000, 500);
    same.connected(first);
    for (let call = 0; call < 3; call++) ask(same, first);
    expect(machine.reads).toBe(1);
    first.emit("close");
    const second = machine.connect(40_000, 1000);
    same.connected(second);
    expect(ask(same, second)).toMatch(/of alice/);
    expect(machine.reads).toBe(2);
  });

  it("reads the tables once for many that connected before", () => {
    const machine = new Machine();
    const same = guarded(machine);
    const sockets = Array.from({ length: 100 }, (_, index) =>
      machine.connect(40_000 + index, 1000),
    );
    for (const socket of sockets) same.connected(socket);
    for (const socket of sockets) expect(ask(same, socket)).toMatch(/of alice/);
    expect(machine.reads).toBe(1);
  });
});
