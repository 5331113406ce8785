import { spawnSync } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { fakeTerminal } from "./fake-terminal.ts";

async function script(shell: string): Promise<string> {
  const { context, out } = fakeTerminal();
  expect(await flmctl(["completion", shell], context)).toBe(0);
  return out();
}

/** What bash offers at the end of a command line. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const line = ["flmctl", ...words].map((word) => `'${word}'`).join(" ");
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _flmctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", `${await script("bash")}\n${ask}`], {
    encoding: "utf8",
    cwd: import.meta.dirname,
  });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

describe("flmctl completion bash", () => {
  it("completes commands", async () => {
    expect(await offered("c")).toEqual(["create", "close", "cancel", "completion"]);
  });

  it("completes the options of the program", async () => {
    expect(await offered("--c")).toEqual(["--config"]);
  });

  it("completes the kinds of a command", async () => {
    expect(await offered("list", "")).toEqual(["app", "session", "executor", "node"]);
  });

  it("completes the options of a command, behind those of the program", async () => {
    expect(await offered("--config", "list", "view", "--t")).toEqual(["--task"]);
  });

  it("completes what apply, edit, explain and schema take", async () => {
    expect(await offered("apply", "-f", "completion.t")).toEqual(["completion.test.ts"]);
    expect(await offered("apply", "--dry-run", "")).toEqual(["client", "server"]);
    expect(await offered("edit", "")).toEqual(["app"]);
    expect(await offered("explain", "")).toEqual(["application", "cluster", "client"]);
    expect(await offered("schema", "cl")).toEqual(["cluster", "client"]);
  });

  it("completes the values of an option", async () => {
    expect(await offered("list", "app", "-o", "")).toEqual([
      "table",
      "wide",
      "name",
      "json",
      "yaml",
    ]);
  });

  it("completes files where a file is wanted", async () => {
    expect(await offered("register", "-f", "completion.t")).toEqual(["completion.test.ts"]);
  });

  it("offers nothing where only the user knows", async () => {
    expect(await offered("view", "-s", "")).toEqual([]);
  });
});

describe("flmctl completion", () => {
  it.each([
    ["zsh", ["#compdef flmctl", "'app'", "'list:List applications, sessions"]],
    ["fish", ["complete -c flmctl -n __fish_use_subcommand -f -a list -d 'List "]],
    ["powershell", ["-CommandName 'flmctl'", "::new('--session', '--session', "]],
    ["elvish", ["arg-completer[flmctl]", "candidate '--session' 'show this session'"]],
  ])("knows commands, kinds and options for %s", async (shell, texts) => {
    const printed = await script(shell);
    for (const text of texts) expect(printed).toContain(text);
  });

  it("refuses another shell by naming those that it knows", async () => {
    const { context, err } = fakeTerminal();
    expect(await flmctl(["completion", "tcsh"], context)).toBe(2);
    expect(err()).toContain("Allowed choices are bash, elvish, fish, powershell, zsh");
  });
});
