import { describe, expect, it } from "@jest/globals";
import type { ConnectionEnds } from "../../../src/kit/connection-ends.ts";
import { ownerOf } from "../../../src/security/connection-owners.ts";

/** As the listener on port 8080 sees a client's port 40000 (9C40), 127.0.0.1 on a little-endian machine. */
const ends: ConnectionEnds = {
  localAddress: "127.0.0.1",
  localPort: 8080,
  remoteAddress: "127.0.0.1",
  remotePort: 40_000,
};
const header =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const rest = "00000000:00000000 00:00000000 00000000";
const mapped = "0000000000000000FFFF0000";

interface Row {
  readonly local?: string;
  readonly remote?: string;
  readonly state?: string;
  readonly uid?: number;
  readonly inode?: number;
}

function row({
  local = "0100007F:9C40",
  remote = "0100007F:1F90",
  state = "01",
  uid = 1000,
  inode = 7,
}: Row): string {
  return `   0: ${local} ${remote} ${state} ${rest} ${String(uid).padStart(5)}        0 ${inode} 1 ffff 20 4 30 10 -1\n`;
}

const owner = (tcp: string, tcp6 = header, of: ConnectionEnds = ends): number | undefined =>
  ownerOf(of, [header + tcp, tcp6]);

describe("the owner of a connection", () => {
  it("is the uid of the client's own row", () => {
    expect(owner(row({}))).toBe(1000);
    expect(owner(row({ uid: 0 }))).toBe(0);
  });

  it("is found in tcp6 for a client with a socket of both families", () => {
    const both = row({ local: `${mapped}0100007F:9C40`, remote: `${mapped}0100007F:1F90` });
    expect(owner("", header + both)).toBe(1000);
    const seenByBoth = {
      ...ends,
      localAddress: "::ffff:127.0.0.1",
      remoteAddress: "::ffff:127.0.0.1",
    };
    expect(owner(row({}), header, seenByBoth)).toBe(1000);
  });

  it("is found for IPv6", () => {
    const one = "00000000000000000000000001000000";
    const six = { ...ends, localAddress: "::1", remoteAddress: "::1" };
    expect(owner("", header + row({ local: `${one}:9C40`, remote: `${one}:1F90` }), six)).toBe(
      1000,
    );
  });

  it.each([
    ["the listener's own row", { local: "0100007F:1F90", remote: "0100007F:9C40" }],
    ["another port of the client", { local: "0100007F:9C41" }],
    ["another listener", { remote: "0100007F:1F91" }],
    ["another address", { local: "0200007F:9C40" }],
    ["TIME_WAIT, which the kernel gives to root", { state: "06", uid: 0 }],
    ["a socket that its process has closed", { state: "01", inode: 0 }],
    ["a half-closed one", { state: "08" }],
  ] satisfies [string, Row][])("is not told by %s", (_what, other) => {
    expect(owner(row(other))).toBeUndefined();
  });

  it("is not told when nothing is known of an end", () => {
    expect(owner(row({}), header, { ...ends, remoteAddress: undefined })).toBeUndefined();
    expect(ownerOf(ends, ["", ""])).toBeUndefined();
  });
});
