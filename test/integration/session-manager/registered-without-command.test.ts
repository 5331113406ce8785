import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";

let manager: ManagerUnderTest;
let client: FlameClient;
const warnings: string[] = [];

beforeAll(async () => {
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_fields, message) => void warnings.push(message),
    error: () => undefined,
    child: () => logger,
  };
  manager = await startManager({ logger });
  client = new FlameClient({ endpoint: manager.endpoint });
});
afterAll(async () => {
  client.close();
  await manager.close();
});

describe("RegisterApplication of flame.v1", () => {
  it("takes an application without a command: a warning in the log, and an event in its sessions", async () => {
    await client.registerApplication("bare", { labels: ["x"] });
    const warning =
      'application "bare": spec.command: got nothing, expected the program of the service; no service of it can start: the tasks of its sessions stay Pending';
    expect(warnings).toEqual([warning]);
    const session = await client.createSession({ application: "bare" });
    const { events } = await client.getSession(session.id);
    expect(events.map(({ code }) => code)).toEqual([1009]);
    expect(events[0]?.message).toContain("application bare has no command (revision 1)");
    const { out } = await manager.flmctl("view", "app", "bare");
    expect(out).toMatch(/^Warnings:\n\s+spec\.command: got nothing, expected the program/m);
    // The same again is no new revision, so that there is nothing new to say.
    await session.close();
    await client.updateApplication("bare", { labels: ["x"] });
    expect(warnings).toHaveLength(1);
    await client.updateApplication("bare", { labels: ["y"] });
    expect(warnings).toEqual([warning, warning]);
  });

  it("says what changes an application with open sessions, and what takes it away", async () => {
    await client.registerApplication("busy", { command: "/bin/a" });
    const session = await client.createSession({ application: "busy" });
    const file = manager.file("busy.yaml", "metadata: { name: busy }\nspec: { command: /bin/b }\n");
    const refused = await manager.flmctl("update", "-f", file);
    expect(refused.err).toContain("flmctl apply -f FILE changes it at once");
    expect((await manager.flmctl("apply", "-f", file)).out).toBe("application/busy configured\n");
    expect((await manager.flmctl("unregister", "busy")).err).toContain("--when-unused");
    expect((await manager.flmctl("unregister", "busy", "--when-unused")).code).toBe(0);
    await session.close();
  });
});
