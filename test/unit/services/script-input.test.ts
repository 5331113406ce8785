import { describe, expect, test } from "@jest/globals";
import { readScriptInput } from "../../../src/services/flmexec/script-input.ts";

const read = (value: unknown) => readScriptInput(Buffer.from(JSON.stringify(value)));

describe("the input of flmexec", () => {
  test("is a script with language in any case, optional runtime and input", () => {
    expect(read({ language: "Shell", code: "ls" })).toEqual({
      language: "shell",
      runtime: undefined,
      code: "ls",
      input: Buffer.alloc(0),
    });
    expect(read({ language: "python", runtime: "3.12", code: "1", input: [0, 255] })).toEqual({
      language: "python",
      runtime: "3.12",
      code: "1",
      input: Buffer.from([0, 255]),
    });
    for (const runtime of [null, "", " "])
      expect(read({ language: "shell", runtime, code: "", input: null }).runtime).toBeUndefined();
  });

  test.each([
    [{ code: "1" }, "language is missing"],
    [{ language: "ruby", code: "1" }, 'language is "ruby"'],
    [{ language: "shell" }, "code is missing"],
    [{ language: "shell", code: "1", runtime: 3 }, "runtime is no text"],
    [{ language: "shell", code: "1", input: [256] }, "input is no list of bytes"],
    [{ language: "shell", code: "1", input: "text" }, "input is no list of bytes"],
    [null, "got null"],
  ])("%j is refused with what was found and expected", (value, found) => {
    expect(() => read(value)).toThrow(`invalid flmexec input: ${found}, expected JSON such as`);
  });

  test("that is absent or no JSON is refused as well", () => {
    expect(() => readScriptInput(undefined)).toThrow("invalid flmexec input: ");
    expect(() => readScriptInput(Buffer.from("ls"))).toThrow("invalid flmexec input: ");
  });
});
