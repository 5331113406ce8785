import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { flmctlIn } from "../../support/flmctl-in.ts";
import {
  type ManagerUnderTest,
  type Printed,
  startManager,
} from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

let manager: ManagerUnderTest;
beforeAll(async () => {
  manager = await startManager();
});
afterAll(() => manager.close());

let number = 0;
/** An application of this test alone, its folder for temporary files, and where its editor leaves notes. */
let name: string;
let temporary: string;
let notes: string;
beforeEach(async () => {
  name = `edit-${++number}`;
  temporary = join(manager.home, `tmp-${name}`);
  notes = join(manager.home, `notes-${name}`);
  mkdirSync(temporary);
  mkdirSync(notes);
  const path = manager.file("a.yaml", `metadata: { name: ${name} }\nspec: { command: /bin/a }\n`);
  expect((await manager.flmctl("apply", "-f", path)).code).toBe(0);
});

/** An editor: a shell script with the edited file as its last argument. */
function editor(script: string, file = `editor-${name}`): string {
  const path = manager.file(file, `#!/bin/sh -e\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const edit = (env: Record<string, string>, ...more: string[]): Promise<Printed> =>
  flmctlIn(
    manager,
    { env: { TMPDIR: temporary, NOTES: notes, MANAGER: manager.endpoint, ...env } },
    "edit",
    "app",
    name,
    ...more,
  );

const command = async (): Promise<string> =>
  /command: (.*)/.exec((await manager.flmctl("get", "app", name)).out)?.[1] ?? "";
const left = (): string[] => readdirSync(temporary);
/** The file that an error says the text is kept in. */
const keptIn = ({ err }: Printed): string =>
  /your text is kept in ([^"]*\.yaml)/.exec(err)?.[1] ?? "nowhere";
const note = (file: string): string => readFileSync(join(notes, file), "utf8");

describe("flmctl edit app", () => {
  it("applies what the editor saves, from a file that only its user can read", async () => {
    const script = `stat -c %a "$1" "$(dirname "$1")" > "$NOTES/modes"; cp "$1" "$NOTES/seen"; sed -i s:/bin/a:/bin/b: "$1"`;
    expect(await edit({ EDITOR: editor(script) })).toEqual({
      code: 0,
      out: `application/${name} configured\n`,
      err: "",
    });
    expect(await command()).toBe("/bin/b");
    expect(note("modes")).toBe("600\n700\n");
    expect(note("seen")).toMatch(
      new RegExp(
        `^#: application/${name}, revision 1, made by \\S.*\\n#: Save .*\\nmetadata:\\n {2}name: ${name}\\nspec:\\n {2}command: /bin/a\\n$`,
      ),
    );
    expect(left()).toEqual([]);
  });

  it("prefers VISUAL, takes arguments, and paths with blanks, quoted or not", async () => {
    const path = editor(`echo "$@" > "$NOTES/arguments"`, "an editor with blanks");
    const never = editor("touch $NOTES/never");
    expect((await edit({ VISUAL: path, EDITOR: never })).code).toBe(0);
    expect(note("arguments")).toMatch(/^\/\S*\.yaml\n$/);
    expect((await edit({ VISUAL: "", EDITOR: `"${path}" --wait 'one word'` })).code).toBe(0);
    expect(note("arguments")).toMatch(/^--wait one word \/\S*\.yaml\n$/);
    expect(existsSync(join(notes, "never"))).toBe(false);
  });

  it.each([
    ["nothing is saved", "true"],
    ["the file is saved as it was", 'cp "$1" "$1.x"; mv "$1.x" "$1"'],
    ["everything is taken out", ': > "$1"'],
    ["only comments are left", 'printf "# nothing\\n\\n" > "$1"'],
    ["the file is removed", 'rm "$1"'],
    ["only our comments are taken out", `sed -i '/^#:/d' "$1"`],
  ])("does nothing when %s", async (_what, script) => {
    expect(await edit({ EDITOR: editor(script) })).toEqual({
      code: 0,
      out: `application/${name} unchanged\n`,
      err: "",
    });
    expect(await command()).toBe("/bin/a");
    expect(left()).toEqual([]);
  });

  it("does nothing when the editor fails, and leaves nothing behind", async () => {
    const { code, out, err } = await edit({ EDITOR: editor("exit 3") });
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^Error: the editor .* ended with exit code 3; nothing was changed\n$/);
    expect(left()).toEqual([]);
  });

  it("keeps what was saved before the editor failed", async () => {
    const printed = await edit({ EDITOR: editor(`sed -i s:/bin/a:/bin/b: "$1"; kill -9 $$`) });
    expect(printed.err).toContain(
      "ended with signal SIGKILL; nothing was changed, and your text is kept in",
    );
    expect(readFileSync(keptIn(printed), "utf8")).toContain("command: /bin/b");
    expect(await command()).toBe("/bin/a");
  });

  it("opens again with every fault above the manifest, at the lines of that file", async () => {
    const script = `
cp "$1" "$NOTES/seen"
if [ -e "$NOTES/again" ]; then
  sed -i -e 's:comand:command:' -e '/shim/d' "$1"
else
  touch "$NOTES/again"
  sed -i -e 's:command.*:comand\\: /bin/b:' "$1"
  printf '  # mine\\n  shim: Docker\\n' >> "$1"
fi`;
    const printed = await edit({ EDITOR: editor(script) });
    expect(printed).toMatchObject({ code: 0, out: `application/${name} configured\n` });
    expect(await command()).toBe("/bin/b");
    const seen = note("seen").split("\n");
    const places = seen.flatMap((line) => {
      const found = /^#: line (\d+):(\d+): (\S+): got/.exec(line);
      return found === null ? [] : [[seen[Number(found[1]) - 1], Number(found[2]), found[3]]];
    });
    expect(seen[3]).toBe("#: 2 faults, nothing was changed:");
    expect(places).toEqual([
      ["  comand: /bin/b", 3, "spec.comand"],
      ["  shim: Docker", 9, "spec.shim"],
    ]);
    expect(seen).toContain("  # mine");
    expect(left()).toEqual([]);
  });

  it("keeps the text when its faults are left in it", async () => {
    const script = `[ -e "$NOTES/again" ] || sed -i s:command:comand: "$1"; touch "$NOTES/again"`;
    const printed = await edit({ EDITOR: editor(script) });
    expect(printed.code).toBe(1);
    expect(printed.err).toContain(
      "1 fault left in the text; nothing was changed, and your text is kept in",
    );
    expect(readFileSync(keptIn(printed), "utf8")).toBe(
      `metadata:\n  name: ${name}\nspec:\n  comand: /bin/a\n`,
    );
    expect(statSync(keptIn(printed)).mode & 0o777).toBe(0o600);
  });

  it("opens again with what only the cluster refuses", async () => {
    const script = `
cp "$1" "$NOTES/seen"
if [ -e "$NOTES/again" ]; then sed -i '/url/d' "$1"; else touch "$NOTES/again"; echo '  url: http://h/x.whl' >> "$1"; fi`;
    expect(await edit({ EDITOR: editor(script) })).toMatchObject({
      code: 0,
      out: `application/${name} unchanged\n`,
    });
    expect(note("seen")).toMatch(
      /^#: 1 fault, nothing was changed:\n#: .*spec\.url: .*expected file:/m,
    );
  });

  it.each([
    [
      "another name",
      `sed -i "s/name: .*/name: other/" "$1"`,
      /metadata\.name: got "other", expected "edit-\d+"; a name cannot be changed/,
    ],
    [
      "two documents",
      `printf -- '---\\nmetadata: {name: x}\\nspec: {command: x}\\n' >> "$1"`,
      /got 2 documents, expected one/,
    ],
  ])("refuses %s", async (_what, script, text) => {
    const once = `[ -e "$NOTES/again" ] || { touch "$NOTES/again"; ${script}; }; cp "$1" "$NOTES/seen"`;
    expect((await edit({ EDITOR: editor(once) })).code).toBe(1);
    expect(note("seen")).toMatch(text);
    expect(await command()).toBe("/bin/a");
  });

  it("never overwrites what was changed meanwhile, and keeps the text", async () => {
    const script = `cp "$1" "$NOTES/mine.yaml"; sed -i s:/bin/a:/bin/mine: "$1"; touch "$NOTES/open"; for n in $(seq 500); do [ -e "$NOTES/go" ] && break; sleep 0.02; done`;
    const editing = edit({ EDITOR: editor(script) });
    const theirs = manager.file(
      "b.yaml",
      `metadata: { name: ${name} }\nspec: { command: /bin/theirs }\n`,
    );
    await waitFor("the editor to open", () => existsSync(join(notes, "open")));
    expect((await manager.flmctl("apply", "-f", theirs)).code).toBe(0);
    manager.file(`notes-${name}/go`, "");
    const printed = await editing;
    expect(printed.code).toBe(1);
    expect(printed.err).toMatch(/^Error: .*is at revision 2, made by .*expects revision 1/);
    expect(await command()).toBe("/bin/theirs");
    expect(readFileSync(keptIn(printed), "utf8")).toContain("command: /bin/mine");
  });

  it("names the owner before anybody edits in vain; --force edits all the same", async () => {
    const path = manager.file("o.yaml", `metadata: { name: ${name} }\nspec: { command: /bin/a }\n`);
    await manager.flmctl("apply", "-f", path, "--owner", "ci/deploy");
    const EDITOR = editor(`touch "$NOTES/opened"; sed -i s:/bin/a:/bin/b: "$1"`);
    expect((await edit({ EDITOR })).err).toContain(
      "is kept by ci/deploy: edit that, or use --force",
    );
    expect(existsSync(join(notes, "opened"))).toBe(false);
    expect((await edit({ EDITOR }, "--force")).code).toBe(0);
    expect(await command()).toBe("/bin/b");
  });

  it("says what to set when there is no editor", async () => {
    const none = { VISUAL: "", EDITOR: "", PATH: notes };
    const { code, err } = await edit(none);
    expect(code).toBe(1);
    expect(err).toContain(
      'cannot start the editor "vi": set VISUAL or EDITOR to one that is installed; nothing was changed',
    );
    expect((await edit({ EDITOR: "no-such-editor --wait" })).err).toContain("set VISUAL or EDITOR");
    expect(left()).toEqual([]);
  });

  it("refuses what is no application, without an editor", async () => {
    const EDITOR = editor(`touch "$NOTES/opened"`);
    const env = { EDITOR, NOTES: notes };
    expect((await flmctlIn(manager, { env }, "edit", "app", "nope")).err).toMatch(
      /^Error: application "nope" not found/,
    );
    expect((await flmctlIn(manager, { env }, "edit", "session", "x")).err).toContain("unsupported");
    expect((await flmctlIn(manager, { env }, "edit", "app")).err).toContain("no application");
    expect(existsSync(join(notes, "opened"))).toBe(false);
  });
});
