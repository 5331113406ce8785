import process from "node:process";
import { describe, expect, test } from "@jest/globals";
import { printedBy, startClient } from "../../../bench/house/child.ts";

/** Runs JavaScript in a process of its own. */
const node = (source: string) => [process.execPath, "-e", source] as const;
const env = process.env;

describe("a client of the bench in a process of its own", () => {
  test("says when it has begun, is let on, and tells its outcome in its last line", async () => {
    const client = startClient<{ got: string }>(
      node(
        'console.log("ready"); process.stdin.once("data", (line) => {' +
          "console.log(JSON.stringify({ got: String(line).trim() })); process.exit(0); })",
      ),
      env,
    );
    await client.begun;
    client.go();
    expect(await client.outcome).toEqual({ got: "go" });
  });

  test("that fails is a failure with its words for whoever waits, and no unhandled one", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const failing = () => startClient(node('console.error("no luck"); process.exit(3)'), env);
      // Each time, one of the two is waited for by nobody.
      await expect(failing().outcome).rejects.toThrow(/ended with 3: no luck$/);
      await expect(failing().begun).rejects.toThrow(/ended with 3: no luck$/);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", note);
    }
  });

  test("that cannot be started is a failure that names it", async () => {
    await expect(printedBy(["/nowhere/program"], env)).rejects.toThrow("/nowhere/program ENOENT");
  });

  test("prints what is read as it is", async () => {
    expect(await printedBy(node('process.stdout.write("one\\ntwo")'), env)).toBe("one\ntwo");
  });
});
