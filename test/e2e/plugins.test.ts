import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { prepareCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const examples = resolve(import.meta.dirname, "../../examples/plugins");

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

test("the session manager as it is shipped loads plugins by path and by package name, and checks their options", async () => {
  cluster = await prepareCluster();
  const { home } = cluster;
  const config = join(home, "conf/flame-cluster.yaml");
  const events = join(home, "events");
  copyFileSync(join(examples, "require-labels.mjs"), join(home, "conf/rules.mjs"));
  const installed = join(home, "node_modules/@team/announce");
  mkdirSync(installed, { recursive: true });
  copyFileSync(join(examples, "announce.mjs"), join(installed, "main.mjs"));
  writeFileSync(join(installed, "package.json"), JSON.stringify({ exports: "./main.mjs" }));
  const { cluster: section, ...rest } = JSON.parse(readFileSync(config, "utf8")) as {
    cluster: object;
  };
  const plugins = [
    { name: "./rules.mjs", options: { prefix: "team-" } },
    { name: "@team/announce", options: { file: events } },
    { name: "default-applications", options: { exclude: ["flmping"] } },
  ];
  writeFileSync(config, JSON.stringify({ ...rest, cluster: { ...section, plugins } }));
  await cluster.daemon("flame-session-manager").start();

  const listed = await cluster.run("flmctl", "list", "app", "-o", "name");
  expect(listed.stdout.match(/[a-z]+/g)).toEqual(
    expect.arrayContaining(["announced", "flmexec", "flmrun"]),
  );
  expect(listed.stdout).not.toContain("flmping");
  const file = join(home, "app.yaml");
  writeFileSync(file, "metadata: { name: app }\nspec:\n  command: x\n  labels: [mine]\n");
  const refused = await cluster.run("flmctl", "apply", "-f", file);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("got mine, expected a label that begins with team-");
  writeFileSync(file, "metadata: { name: app }\nspec:\n  command: x\n  labels: [team-mine]\n");
  expect((await cluster.run("flmctl", "apply", "-f", file)).stdout).toContain("created");
  await waitFor("the announcement", () =>
    readFileSync(events, "utf8").includes('"kind":"created","name":"app"'),
  );
});
