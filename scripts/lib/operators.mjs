// Who may call the daemons of an installation, beside their own user: docs/security.md, 2.2.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { note, SetupError } from "./progress.mjs";

/** @throws SetupError when this machine has no such group: its daemons would refuse to start */
export function refuseUnknownGroup(group) {
  const groups = readFileSync("/etc/group", "utf8")
    .split("\n")
    .map((line) => line.split(":")[0]);
  if (/^[A-Za-z_][A-Za-z0-9_.-]*[$]?$/.test(group) && groups.includes(group)) return;
  throw new SetupError(
    `--operators: got "${group}", expected the name of a group of /etc/group.\n` +
      `What to do: make it (groupadd NAME), add the operators to it (usermod -aG NAME USER), and run the same command again.`,
  );
}

/** A configuration that somebody wrote stays as it is. */
export function writeOperators(home, group) {
  const file = join(home, "conf/flame-cluster.yaml");
  const line = `cluster: { security: { users: ["@${group}"] } }`;
  if (!existsSync(file)) {
    writeFileSync(
      file,
      `# Written by scripts/install.sh --operators ${group}: the daemons take calls of these users too (share/doc/security.md, 2.2).\n${line}\n`,
    );
    return;
  }
  if (readFileSync(file, "utf8").includes(`@${group}`)) return;
  note(`${file} stays as it is. For users of ${group} to call, it needs: ${line}`);
}
