import { readFileSync } from "node:fs";
import { endianness } from "node:os";
import type { ConnectionEnds } from "../kit/connection-ends.ts";

/** The kernel's tables of TCP sockets, each as text: proc_net_tcp of the kernel's documentation. */
export type SocketTables = () => readonly string[];

/**
 * Of this network namespace. A client of ours has a row of its own in one of them: those with a socket for both families
 * (gRPC's C-core, so every Python client) appear in tcp6 alone, as ::ffff:127.0.0.1.
 */
export const socketTables: SocketTables = () =>
  ["/proc/net/tcp", "/proc/net/tcp6"].map((file) => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return "";
    }
  });

/** Whether this system says whose connections are: Linux with /proc. */
export const tellsOwners = (tables: SocketTables = socketTables): boolean =>
  tables().some((table) => table !== "");

/**
 * The uid of the process at the other end of a connection on this machine. Only an established row with an inode counts: the
 * kernel gives rows in TIME_WAIT to root, and one whose socket was closed has inode 0.
 * @returns undefined when no row tells it: the other end is on another machine or in another network namespace, or gone
 */
export function ownerOf(ends: ConnectionEnds, tables: readonly string[]): number | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = ends;
  if (localAddress === undefined || remoteAddress === undefined) return undefined;
  const local = endsText(localAddress, localPort);
  const remote = endsText(remoteAddress, remotePort);
  for (const table of tables) {
    for (const [here, there] of pairs(remote, local)) {
      const uid = uidOf(table, `: ${here} ${there} ${ESTABLISHED} `);
      if (uid !== undefined) return uid;
    }
  }
  return undefined;
}

const ESTABLISHED = "01";
/** After the state: queues, timer and retransmits, then uid, timeout and inode. */
const REST = /^\S+ \S+ \S+ +(\d+) +\d+ (\d+)/;

function uidOf(table: string, start: string): number | undefined {
  const at = table.indexOf(start);
  if (at < 0) return undefined;
  const [, uid, inode] = REST.exec(table.slice(at + start.length, at + start.length + 200)) ?? [];
  return uid === undefined || inode === undefined || inode === "0" ? undefined : Number(uid);
}

/** Both ways in which the tables may write one end: of its own family, and an IPv4 address in IPv6. */
type EndTexts = readonly string[];

function* pairs(own: EndTexts, other: EndTexts): Generator<readonly [string, string]> {
  for (const [index, here] of own.entries()) {
    const there = other[index];
    if (there !== undefined) yield [here, there];
  }
}

function endsText(address: string, port = 0): EndTexts {
  const portText = port.toString(16).toUpperCase().padStart(4, "0");
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const bytes = /^\d+\./.test(plain) ? plain.split(".").map(Number) : ipv6Bytes(plain);
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes];
  const forms = bytes.length === 4 ? [bytes, mapped] : [bytes];
  return forms.map((form) => `${wordsText(form)}:${portText}`);
}

/** In words of four bytes, each printed as the machine holds it. */
function wordsText(bytes: readonly number[]): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += 4) {
    const word = bytes.slice(start, start + 4);
    if (endianness() === "LE") word.reverse();
    text += word.map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join("");
  }
  return text;
}

function ipv6Bytes(address: string): number[] {
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
