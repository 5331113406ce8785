import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
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

const apply = async (name: string, spec: string): Promise<void> => {
  const stdin = `metadata: { name: ${name} }\nspec: ${spec}\n`;
  expect((await flmctlIn(manager, { stdin }, "apply", "-f", "-")).code).toBe(0);
};

/** `list app --watch` under way. */
interface Watch {
  /** Waits for a line, and tells all that was printed so far. */
  until(line: RegExp): Promise<string>;
  stop(): Promise<Printed>;
}

function watch(...more: string[]): Watch {
  const stop = new AbortController();
  let printed = "";
  const onPrinted = (text: string): void => void (printed += text);
  const done = flmctlIn(
    manager,
    { stop: stop.signal, onPrinted },
    "list",
    "app",
    "--watch",
    ...more,
  );
  return {
    until: (line) => waitFor(String(line), () => (line.test(printed) ? printed : undefined)),
    stop: () => {
      stop.abort();
      return done;
    },
  };
}

describe("flmctl list app --watch", () => {
  it("prints what is there, then a line for each change", async () => {
    const watching = watch();
    const first = await watching.until(/^flmrun /m);
    expect(first.split("\n")[0]).toMatch(
      /^NAME +CHANGE +STATE +SHIM +TAGS +CREATED +COMMAND +STATUS$/,
    );
    await apply("w1", "{ command: /bin/a }");
    await watching.until(/^w1 +created +Enabled +Host +- +\S+Z +\/bin\/a +ok$/m);
    await apply("w1", "{ command: /bin/b }");
    await watching.until(/^w1 +changed .* \/bin\/b +ok$/m);
    await manager.flmctl("unregister", "w1");
    await watching.until(/^w1 +removed /m);
    const { code, err } = await watching.stop();
    expect([code, err]).toEqual([0, ""]);
  });

  it("survives restarts of the session manager, and tells what happened meanwhile and nothing else", async () => {
    await apply("w2", "{ command: x }");
    const watching = watch("-o", "wide");
    await watching.until(/^w2 /m);
    await manager.restart();
    await watching.until(/the session manager is back/);
    await apply("w2", "{ command: /bin/later }");
    const text = await watching.until(/^w2 +changed .* \/bin\/later /m);
    expect(text).toMatch(/^Note: the session manager is away; waiting for it$/m);
    expect(text.match(/^flmrun /gm)).toHaveLength(1);
    expect(text.match(/^w2 /gm)).toHaveLength(2);
    await watching.stop();
  });

  it("prints one JSON document on each line", async () => {
    const watching = watch("-o", "json");
    await watching.until(/flmrun/);
    await apply("w3", "{ command: x, labels: [x] }");
    await watching.until(/w3/);
    const { out } = await watching.stop();
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { change: string });
    expect(lines.at(-1)).toMatchObject({
      change: "created",
      metadata: { name: "w3" },
      spec: { labels: ["x"] },
      status: { state: "Enabled", revision: 1 },
    });
    expect(lines[0]).toMatchObject({ change: "present" });
  });

  it.each([
    [["list", "session", "--watch"], "--watch: got session, expected app"],
    [["list", "app", "-w", "-o", "yaml"], "--watch: got -o yaml, expected -o table, wide or json"],
  ])("refuses %p", async (argv, text) => {
    const { code, err } = await manager.flmctl(...argv);
    expect(code).toBe(1);
    expect(err).toContain(text);
  });

  it("needs a session manager to begin with", async () => {
    const env = { FLAME_ENDPOINT: "http://127.0.0.1:1" };
    const { code, err } = await flmctlIn(manager, { env }, "list", "app", "-w");
    expect(code).toBe(1);
    expect(err).toMatch(/^Error: failed to connect/);
  });
});
