import { statSync } from "node:fs";
import { FlameError } from "../model/errors.ts";

const octal = (mode: number): string => `0${(mode & 0o777).toString(8)}`;

/**
 * Looks who else may use a file with a secret. Its group may read it: that is how root gives one to a daemon's user.
 * @param what it holds, such as `the token`
 * @param key of the configuration that names the file, for the texts
 * @returns a warning when everybody may read it, or its group write it; undefined when it is closed, or not there
 * @throws FlameError invalid_config when everybody may write it: whoever did would get in.
 */
export function looseFile(file: string, what: string, key: string): string | undefined {
  const facts = statSync(file, { throwIfNoEntry: false });
  if (facts?.isFile() !== true) return undefined;
  const { mode } = facts;
  if ((mode & 0o002) !== 0) {
    throw new FlameError(
      "invalid_config",
      `${key}: every user of this machine may write the file ${file} (mode ${octal(mode)}), and so choose ${what}; ` +
        `expected 0600 or 0640: chmod 600 ${file}, and make a new one if others could have known it`,
    );
  }
  if ((mode & 0o004) !== 0) {
    return `${key}: every user of this machine may read ${what} in ${file} (mode ${octal(mode)}): chmod 600 ${file}`;
  }
  if ((mode & 0o020) !== 0) {
    return `${key}: the group of ${file} may write it (mode ${octal(mode)}), and so choose ${what}: chmod g-w ${file}`;
  }
  return undefined;
}
