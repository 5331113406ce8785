import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { FlameClient } from "../../../src/client/index.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";

let manager: ManagerUnderTest;
let client: FlameClient;

beforeEach(async () => {
  manager = await startManager();
  client = new FlameClient({ endpoint: manager.endpoint });
});

afterEach(async () => {
  client.close();
  await manager.close();
});

const create = (id: string, packages?: readonly string[]) =>
  client.createSession({ application: "flmping", ...(packages && { packages }) }, id);

describe("a session with packages", () => {
  it("tells them, after a restart as well, and one without tells none", async () => {
    await create("with", ["numpy>=2", "six"]);
    await create("without");
    await manager.restart();
    expect((await client.getSession("with")).packages).toEqual(["numpy>=2", "six"]);
    expect("packages" in (await client.getSession("without"))).toBe(false);
    expect((await manager.flmctl("view", "-s", "with")).out).toMatch(
      /^ Packages: +numpy>=2, six +$/m,
    );
    expect((await manager.flmctl("view", "-s", "without")).out).not.toContain("Packages");
    const document = await manager.flmctl("view", "-s", "with", "-o", "json");
    expect(JSON.parse(document.out)).toMatchObject({ packages: ["numpy>=2", "six"] });
  });

  it("is opened with the same ones, and refused with others", async () => {
    await create("s", ["six"]);
    const open = (packages: string[]) =>
      client.openSession("s", { application: "flmping", packages });
    expect((await open(["six"])).id).toBe("s");
    await expect(open(["six>1"])).rejects.toMatchObject({
      code: "invalid_argument",
      message: "session s spec mismatch: packages differs (expected six, got six>1)",
    });
  });

  it("is not made of what no node could read", async () => {
    await expect(create("s", ["six", "./mine"])).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining('packages[1]: got "./mine", expected a requirement'),
    });
    const many = Array.from({ length: 257 }, (_, n) => `p${n}`);
    await expect(create("s", many)).rejects.toMatchObject({
      message: "packages: got 257 entries, expected at most 256",
    });
    await expect(client.getSession("s")).rejects.toMatchObject({ code: "not_found" });
  });
});

it("an application with packages is shown with them", async () => {
  const manifest = {
    metadata: { name: "mine" },
    spec: { command: "/bin/x", packages: ["numpy>=2", "six"] },
  };
  const file = manager.file("mine.yaml", stringify(manifest));
  expect(await manager.flmctl("register", "-f", file)).toMatchObject({ code: 0 });
  expect((await manager.flmctl("view", "-a", "mine")).out).toContain(
    "Packages:\n\tnumpy>=2\n\tsix\n",
  );
});
