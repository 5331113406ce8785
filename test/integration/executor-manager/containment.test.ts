import { expect, test } from "@jest/globals";
import { PidNamespaces } from "../../../src/process/pid-namespace.ts";
import { processesWith } from "../../support/processes.ts";
import { BundledServices } from "./bundled-services.ts";
import { NodeUnderTest } from "./node-under-test.ts";

test("where no control group can be made, root's services run in namespaces of process ids and take all along", async () => {
  const services = new BundledServices();
  await services.prepare();
  const node = new NodeUnderTest();
  try {
    const spec = services.scripted();
    const [pids = "[]"] = await node.runTasksWith({ controlGroups: false }, spec, "leak:");
    expect(JSON.parse(pids)).toHaveLength(2);
    const namespaces = await PidNamespaces.find();
    const by =
      namespaces === undefined ? "its process group, and where" : "its namespace of process ids";
    const said = `info what a service starts is ended by ${by}`;
    expect(node.logLines).toContainEqual(expect.stringContaining(said));
    // This process has the home not in its environment.
    expect(processesWith("environ", node.home.root)).toEqual([]);
  } finally {
    await node.close();
    services.remove();
  }
});

test("a service that a signal ends in a namespace of process ids is told with that signal", async () => {
  const services = new BundledServices();
  await services.prepare();
  const node = new NodeUnderTest();
  try {
    await node.runTasksWith({ controlGroups: false }, services.scripted(), "kill");
    expect(node.backend.results).toEqual([
      {
        returnCode: 18,
        message: expect.stringContaining(
          "ended with signal SIGKILL during task 1; it wrote nothing to stderr",
        ),
      },
    ]);
  } finally {
    await node.close();
    services.remove();
  }
});
