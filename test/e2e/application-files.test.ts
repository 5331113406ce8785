import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ daemons: ["flame-session-manager"] });
});
afterAll(() => cluster.close());

const manifest = (name: string, command: string): string =>
  `metadata:\n  name: ${name}\nspec:\n  command: ${command}\n`;
async function printed(...args: string[]): Promise<string> {
  const { stdout, stderr } = await cluster.run("flmctl", ...args);
  return stdout + stderr;
}

describe("applications as files, with the real programs", () => {
  it("are live as soon as they are saved in the home, through kill -9 of the session manager too", async () => {
    const folder = join(cluster.home, "conf/applications");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "pi.yaml"), manifest("pi", "/opt/pi/serve"));
    await waitFor("pi is there", async () =>
      (await printed("list", "app")).includes("/opt/pi/serve"),
    );
    expect(await printed("unregister", "pi")).toContain(`is kept by ${join(folder, "pi.yaml")}`);
    rmSync(join(folder, "pi.yaml"));
    writeFileSync(join(folder, "tau.yaml"), manifest("tau", "/opt/tau/serve"));
    await cluster.daemon("flame-session-manager").restart("SIGKILL");
    const applications = await printed("list", "app");
    expect(applications).toContain("tau");
    expect(applications).not.toContain("/opt/pi/serve");
    writeFileSync(
      join(folder, "tau.yaml"),
      manifest("tau", "/opt/tau/serve").replace("command", "comand"),
    );
    await waitFor("the fault is shown", async () =>
      (await printed("view", "app", "tau")).includes('did you mean "command"?'),
    );
    expect(await printed("list", "app")).toContain("/opt/tau/serve");
  });

  it("are kept by flame-registry, whose exit code tells drift", async () => {
    const folder = join(cluster.home, "apps");
    mkdirSync(folder);
    writeFileSync(join(folder, "area.yaml"), manifest("area", "/opt/area/serve"));
    const run = async (...flags: string[]): Promise<[number | null, string]> => {
      const args = ["--endpoint", cluster.endpoint, "--directory", folder, ...flags];
      const { code, stdout } = await cluster.run("flame-registry", ...args);
      return [code, stdout];
    };
    expect(await run("--dry-run")).toEqual([
      1,
      "application/area would be created\n0 in order, 1 would change, 0 not in order\n",
    ]);
    const [code, out] = await run("--once", "--defaults=replace");
    expect([code, out]).toEqual([
      0,
      "application/area created\n3 in order, 1 changed, 0 not in order\n",
    ]);
    expect(await run("--dry-run")).toEqual([0, "1 in order, 0 would change, 0 not in order\n"]);
  });
});
