import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { FlameError } from "../model/errors.ts";

/** An editor is the user's own: it gets their whole environment. */
type UserEnvironment = Readonly<Record<string, string | undefined>>;

/** What the shell answers when there is no such program, and when it cannot be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * Opens a file in an editor on this process's own terminal and waits until it is closed. Interrupts from the terminal
 * are the editor's meanwhile.
 * @param editor a program, which may have blanks in its path, or a command line with arguments as a shell reads it
 * @throws FlameError invalid_config when there is no such editor, aborted when it did not end with 0
 */
export async function runEditor(editor: string, file: string, env: UserEnvironment): Promise<void> {
  const { code, signal } = isProgram(editor)
    ? await ended(editor, [file], env)
    : await ended("/bin/sh", ["-c", `${editor} "$@"`, editor, file], env);
  if (code === 0) return;
  if (code === NOT_FOUND || code === NOT_EXECUTABLE) {
    const text = `cannot start the editor ${JSON.stringify(editor)}: set VISUAL or EDITOR to one that is installed`;
    throw new FlameError("invalid_config", text);
  }
  const how = signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`;
  throw new FlameError("aborted", `the editor ${JSON.stringify(editor)} ended with ${how}`);
}

function ended(
  command: string,
  args: readonly string[],
  env: UserEnvironment,
): Promise<{ code: number | null; signal: string | null }> {
  const ignore = (): void => undefined;
  process.on("SIGINT", ignore);
  return new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", env: { ...env } });
    child.once("error", (cause) => {
      const text = `cannot start the editor ${JSON.stringify(command)}: ${cause.message}`;
      reject(new FlameError("invalid_config", text, { cause }));
    });
    child.once("exit", (code, signal) => resolve({ code, signal }));
  }).finally(() => process.off("SIGINT", ignore));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
