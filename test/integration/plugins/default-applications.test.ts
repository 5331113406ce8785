import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
let manager: ManagerUnderTest;
let client: FlameClient;
beforeEach(async () => {
  folder = temporaryFolder("defaults");
  mkdirSync(join(folder.path, "defaults"));
  ship({ command: "/bin/one", labels: ["shipped"], environments: { A: "1" } });
  manager = await startManager({ defaultsFolder: join(folder.path, "defaults") });
  client = new FlameClient({ endpoint: manager.endpoint });
});
afterEach(async () => {
  client.close();
  await manager.close();
  folder.remove();
});

/** What the next version brings. */
function ship(spec: object): void {
  const text = JSON.stringify({ metadata: { name: "app" }, spec });
  writeFileSync(join(folder.path, "defaults/app.yaml"), text);
}

const apply = (spec: object): Promise<unknown> =>
  client.registry.apply([{ manifest: JSON.stringify({ metadata: { name: "app" }, spec }) }]);

describe("a new version beneath an edited default application", () => {
  it("is merged, told in history and view, and open sessions stay with their revision", async () => {
    await apply({ command: "/bin/one", labels: ["mine"], environments: { A: "1", OWN: "x" } });
    const session = await client.createSession({ application: "app" });
    await manager.restart(() => {
      ship({ command: "/bin/two", labels: ["shipped"], environments: { A: "2" } });
    });

    const app = await client.registry.get("app");
    expect(app.revision).toMatchObject({
      number: 3,
      origin: "default",
      author: "defaults/app.yaml",
      cause: "seed",
    });
    expect(app.drift.map(({ path }) => path)).toEqual(["labels", "environments.OWN"]);
    const owner = (path: string): string | undefined =>
      app.fieldOwners.find((one) => one.path === path)?.origin;
    expect(["command", "environments.A", "labels", "environments.OWN"].map(owner)).toEqual([
      ...["default", "default"],
      ...["api", "api"],
    ]);
    const { out } = await manager.flmctl("history", "app", "app");
    expect(out).toMatch(/3 .*defaults\/app\.yaml +seed +command, environments\.A/);
    const pinned = await client.registry.ofSession(session.id);
    expect(pinned.number).toBe(2);

    // Taken back, it counts as an edit from then on.
    expect((await manager.flmctl("rollback", "app", "app")).code).toBe(0);
    await manager.restart();
    const back = await client.registry.get("app");
    expect(back.revision.manifest).toContain("/bin/one");
    expect(back.revision.number).toBe(4);
  });

  it("that cannot be merged leaves it as it is, and list and view say why", async () => {
    const many = (name: string): object =>
      Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`${name}${i}`, "x"]));
    await apply({ command: "/bin/one", labels: ["shipped"], environments: many("MINE") });
    await manager.restart(() => {
      ship({ command: "/bin/two", labels: ["shipped"], environments: many("SHIPPED") });
    });
    const { revision, faults } = await client.registry.get("app");
    expect(revision.number).toBe(2);
    expect(faults).toEqual([
      expect.objectContaining({
        source: "defaults/app.yaml",
        reason: expect.stringContaining("it would be refused: spec.environments: "),
      }),
    ]);
    const list = await manager.flmctl("list", "app");
    const view = await manager.flmctl("view", "app", "app");
    expect(list.out + list.err).toMatch(/defaults\/app\.yaml/);
    expect(view.out).toContain("it would be refused: spec.environments: ");

    await apply({ command: "/bin/mine", labels: ["shipped"], environments: {} });
    await manager.restart();
    expect((await client.registry.get("app")).faults).toEqual([]);
  });
});
