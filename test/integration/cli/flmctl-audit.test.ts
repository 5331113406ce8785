import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

type Line = Readonly<Record<string, unknown>>;

let manager: ManagerUnderTest;
let client: FlameClient;
beforeAll(async () => {
  // So small that it is rotated while these tests run.
  manager = await startManager({ cluster: { audit: { max_file_bytes: "64K", max_files: 20 } } });
  client = new FlameClient({ endpoint: manager.endpoint });
  const manifest = "metadata: { name: audited }\nspec: { command: /bin/x }\n";
  await client.registry.apply([{ manifest }]);
  await client.createSession({ application: "audited" }, "first");
  await client.closeSession("first");
});
afterAll(async () => {
  client.close();
  await manager.close();
});

async function json(...argv: string[]): Promise<Line[]> {
  const { out, code } = await manager.flmctl("audit", "-o", "json", ...argv);
  expect(code).toBe(0);
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

describe("flmctl audit", () => {
  it("prints who did what, the earliest first, and is written down itself", async () => {
    const { out } = await manager.flmctl("audit", "--what", "first");
    expect(out.trimEnd().split("\n")).toEqual([
      expect.stringMatching(
        /^\d{4}-\S+Z root +127\.0\.0\.1:\d+ +OK +CreateSession +application=audited session=first$/,
      ),
      expect.stringMatching(/^\S+Z root +\S+ +OK +CloseSession +session=first$/),
    ]);
    const own = await json("--method", "readaudit");
    expect(own[0]).toMatchObject({ outcome: "OPENED", who: "root" });
  });

  it("tells only what is asked for", async () => {
    expect(await json("--who", "nobody-of-that-name")).toEqual([]);
    expect(await json("--since", "2099-01-01T00:00:00Z")).toEqual([]);
    const since = await json("--since", "1h", "--method", "Registry/Apply");
    expect(since).toMatchObject([{ on: { applications: ["audited"] } }]);
    const { code, err } = await manager.flmctl("audit", "--since", "yesterday");
    expect([code, err]).toEqual([expect.any(Number), expect.stringContaining('got "yesterday"')]);
    expect(code).not.toBe(0);
  });

  it("reads all files of the log, each line once", async () => {
    for (let number = 0; number < 400; number++)
      await client.deleteSession(`nothing-${number}`).catch(() => undefined);
    const names = (await json("--method", "DeleteSession")).map(
      ({ on }) => (on as { session: string }).session,
    );
    expect(names).toEqual(Array.from({ length: 400 }, (_, number) => `nothing-${number}`));
  });

  it("follows", async () => {
    const lines = client.readAudit({ follow: true, what: "followed" });
    const first = lines.next();
    await waitFor("the follower's own line", async () =>
      (await json("--method", "ReadAudit")).some(
        ({ on }) => JSON.stringify(on) === '{"asked":["follow"]}',
      ),
    );
    await client.createSession({ application: "audited" }, "followed");
    expect(JSON.parse((await first).value ?? "")).toMatchObject({ on: { session: "followed" } });
    await lines.return();
  });

  it("says so where none is written", async () => {
    const without = await startManager({ cluster: { audit: { enabled: false } } });
    const { code, err } = await without.flmctl("audit");
    await without.close();
    expect([code, err]).toEqual([1, expect.stringContaining("cluster.audit.enabled is false")]);
  });
});
