import { writeFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { checkTokenName, parseExpiry, parseRoles, tokenLine } from "../../config/token-lines.ts";
import { randomSecret } from "../../kit/ids.ts";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import type { FlameContext } from "./context.ts";

/** Adds `flame token`. */
export function addToken(program: Command, context: FlameContext): void {
  program
    .command("token")
    .description("Make a token, and the line of it for the token file of a cluster.")
    .argument("<name>", "whose it is: the owner of what is done with it", checkedName)
    .option(
      "--roles <roles>",
      "viewer, user, operator, admin, node, with commas: what it may do",
      checkedRoles,
    )
    .option("--expires <date>", "its last day (UTC), or a moment: 2027-01-31T12:00Z", checkedDate)
    .option("--out <file>", "write the token there, for its owner alone, and print only the line")
    .addHelpText(
      "after",
      "\nThe line holds the hash of the token: the cluster never learns the token from it, and whoever loses it gets a new one.\n" +
        "Add the line to the file of cluster.security.token_file (node_token_file for nodes): it counts within a second.\n" +
        "\nExamples:\n  flame token alice --roles user --expires 2027-01-31\n" +
        "  flame token n1 --out n1.token >> nodes.tokens",
    )
    .action((name, { roles, expires, out }) => {
      const token = randomSecret();
      const line = tokenLine(token, { name, roles, expires });
      if (out === undefined) {
        context.terminal.out(
          `The token, which is not shown again:\n  ${token}\nIts line for the token file:\n  ${line}\n`,
        );
        return;
      }
      writeNew(out, token);
      context.terminal.out(`${line}\n`);
    });
}

/** @throws FlameError when there is a file already, which may hold a token that somebody uses */
function writeNew(file: string, token: string): void {
  try {
    writeFileSync(file, `${token}\n`, { mode: 0o600, flag: "wx" });
  } catch (cause) {
    throw new FlameError(
      "invalid_argument",
      `--out: the file ${file} cannot be made: ${textOf(cause)}; no token was made: name a new file in a folder that is there`,
      { cause },
    );
  }
}

/** What is wrong with an argument, as the parser of the command line wants to be told. */
function checked<T>(text: string, check: (text: string) => T): T {
  try {
    return check(text);
  } catch (thrown) {
    throw new InvalidArgumentError(textOf(thrown));
  }
}

function checkedName(text: string): string {
  checked(text, checkTokenName);
  return text;
}

const checkedRoles = (text: string): ReturnType<typeof parseRoles> => checked(text, parseRoles);

function checkedDate(text: string): string {
  checked(text, parseExpiry);
  return text;
}
