import { readFileSync } from "node:fs";
import { FlameError } from "../model/errors.ts";

/** The users of this machine, of /etc/passwd and /etc/group: passwd(5), group(5). */
export class LocalUsers {
  readonly #passwd: readonly (readonly string[])[];
  readonly #groups: readonly (readonly string[])[];

  constructor(files: { readonly passwd: string; readonly group: string }) {
    this.#passwd = entriesOf(files.passwd);
    this.#groups = entriesOf(files.group);
  }

  /** Those of this machine; a file that cannot be read has none. */
  static read(): LocalUsers {
    return new LocalUsers({ passwd: textOf("/etc/passwd"), group: textOf("/etc/group") });
  }

  /** `alice`, or `uid 1000` where the machine knows no name. */
  nameOf(uid: number): string {
    const [name] = this.#passwd.find(([, , id]) => Number(id) === uid) ?? [];
    return name ?? `uid ${uid}`;
  }

  /**
   * @param entry of `cluster.security.users`: a name, a uid, or @ and a group, whose members and those who have it as
   * their first group are meant
   * @throws FlameError invalid_config when this machine knows no such user or group
   */
  uidsOf(entry: string | number): readonly number[] {
    if (/^\d+$/.test(String(entry))) return [Number(entry)];
    const name = String(entry);
    if (name.startsWith("@")) return this.#membersOf(name.slice(1));
    return [
      this.#uidOf(name) ??
        unknown(entry, "a user of /etc/passwd; one of another directory by its uid"),
    ];
  }

  #membersOf(group: string): readonly number[] {
    const found = this.#groups.find(([name]) => name === group);
    if (found === undefined) return unknown(`@${group}`, "a group of /etc/group");
    const [, , gid, members = ""] = found;
    const named = members.split(",").map((member) => this.#uidOf(member.trim()));
    const first = this.#passwd.filter(([, , , own]) => own === gid).map(([, , uid]) => Number(uid));
    return [...named, ...first].filter((uid) => uid !== undefined);
  }

  #uidOf(user: string): number | undefined {
    const [, , uid] = this.#passwd.find(([name]) => name === user) ?? [];
    return uid === undefined ? undefined : Number(uid);
  }
}

function unknown(entry: string | number, expected: string): never {
  throw new FlameError(
    "invalid_config",
    `cluster.security.users: got "${entry}", which this machine does not know; expected ${expected}`,
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

const entriesOf = (text: string): string[][] =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
