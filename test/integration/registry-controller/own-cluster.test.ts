import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ControllerUnderTest, yaml } from "./controller-under-test.ts";

let controller: ControllerUnderTest;
let manager: ManagerUnderTest;
let client: FlameClient;
beforeEach(async () => {
  controller = new ControllerUnderTest();
  manager = await startManager({
    prepare: (home) => {
      mkdirSync(join(home, "conf/applications"), { recursive: true });
      writeFileSync(join(home, "conf/applications/kept.yaml"), yaml("kept", { command: "1" }));
    },
  });
  controller.endpoint = manager.endpoint;
  client = new FlameClient({ endpoint: manager.endpoint });
});
afterEach(async () => {
  client.close();
  await controller.close();
  await manager.close();
});

describe("flame-registry beside a session manager of this make", () => {
  it("creates, finds nothing to do, changes, waits for sessions and removes, without a spare revision", async () => {
    const spec = {
      command: "/bin/a",
      shim: "Wasm",
      image: "x:1",
      environments: { B: "1", A: "" },
      description: "",
    };
    controller.write("a.yaml", yaml("a", spec));
    expect((await controller.once()).out[0]).toBe("application/a created");
    expect((await controller.once()).out).toEqual(["1 in order, 0 changed, 0 not in order"]);
    controller.write("a.yaml", yaml("a", { command: "/bin/b" }));
    expect((await controller.once()).out[0]).toContain('command: "/bin/a" -> "/bin/b"');
    await client.updateApplication("a", { command: "/bin/c" });
    expect((await controller.once()).out[0]).toContain("drifted there and configured");
    expect((await client.registry.get("a")).revision.number).toBe(4);

    const session = await client.createSession({ application: "a" });
    controller.remove("a.yaml");
    expect((await controller.once()).err[0]).toContain("when 1 open session is closed");
    await client.closeSession(session.id);
    expect((await controller.once()).out[0]).toContain("application/a removed");
    await expect(client.getApplication("a")).rejects.toThrow("not found");
  });

  it("leaves the defaults that are there, and tells who keeps what it may not change", async () => {
    expect((await controller.once("--defaults=replace", "--flame-home", manager.home)).out).toEqual(
      ["3 in order, 0 changed, 0 not in order"],
    );
    controller.write("kept.yaml", yaml("kept", { command: "2" }));
    const { code, err } = await controller.once();
    expect(code).toBe(1);
    expect(err).toEqual([
      expect.stringMatching(
        /^Warning: application\/kept cannot be configured: .* is kept by .*kept\.yaml/,
      ),
    ]);
  });

  it("tells a manifest that the cluster refuses, and goes on with the others", async () => {
    controller.write("a.yaml", yaml("a", { url: "https://packages.example/x.whl" }));
    controller.write("b.yaml", yaml("b"));
    const { code, out, err } = await controller.once();
    expect(code).toBe(1);
    expect(out[0]).toBe("application/b created");
    expect(err[0]).toContain("application/a cannot be created: invalid url");
  });

  it("goes on through a restart of it", async () => {
    const run = controller.start(
      "--directory",
      controller.folder,
      "--defaults=none",
      "--interval=1",
    );
    controller.write("a.yaml", yaml("a"));
    const names = async (): Promise<string[]> =>
      (await client.listApplications()).map(({ name }) => name);
    await waitFor("a is created", async () => (await names()).includes("a"));
    await manager.restart(() => controller.write("b.yaml", yaml("b")));
    await waitFor("b is created", async () => (await names()).includes("b"), {
      deadlineMs: 30_000,
    });
    run.stop();
    expect((await run.ended).code).toBe(0);
  });
});

describe("flame-registry beside a cluster that asks for a token", () => {
  it("shows the one of the client configuration, and says what is wrong without", async () => {
    const token = manager.file("token", "s3cret-s3cret-s3cret-s3cret-s3cret\n");
    const security = { clients: "token", token_file: token };
    const secured = await startManager({ cluster: { security } });
    try {
      controller.endpoint = secured.endpoint;
      controller.write("a.yaml", yaml("a"));
      const refused = await controller.once();
      expect(refused).toMatchObject({
        code: 1,
        err: [expect.stringContaining("a token is needed")],
      });
      controller.env = { FLAME_TOKEN_FILE: token };
      expect((await controller.once()).out[0]).toBe("application/a created");
    } finally {
      await secured.close();
    }
  });
});
