import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ScriptedWorkNode } from "./scripted-work-node.ts";

const patient = { deadlineMs: 60_000 };

let manager: ManagerUnderTest;
let node: ScriptedWorkNode;

beforeEach(async () => {
  manager = await startManager();
  node = new ScriptedWorkNode(manager.endpoint, "n1");
  await node.register();
});
afterEach(async () => {
  node.close();
  await manager.close();
});

/** Waits for so many lists, and tells the last one: `2 NAME@REVISION`. */
async function told(stream: ReturnType<ScriptedWorkNode["work"]>, lists: number): Promise<string> {
  const all = () => stream.messages.flatMap(({ warm }) => (warm === undefined ? [] : [warm]));
  await waitFor(`${lists} lists`, () => all().length >= lists, patient);
  return (all().at(-1)?.applications ?? [])
    .map(({ name, revision, count }) => `${count} ${name}@${revision}`)
    .join(", ");
}

async function apply(spec: string): Promise<void> {
  const file = manager.file("hot.yaml", `metadata: {name: hot}\nspec: ${spec}\n`);
  expect((await manager.flmctl("apply", "-f", file)).err).toBe("");
}

describe("the list of warm services on a work stream", () => {
  it("comes with the first message, with what a process is made of and nothing else", async () => {
    const environments = `{A: "1"}`;
    await apply(
      `{command: /bin/hot, arguments: [x], environments: ${environments}, warm_instances: 3, description: d, labels: [l], schema: {input: "{}"}}`,
    );
    const stream = node.work(node.hello(8));
    expect(await told(stream, 1)).toBe("1 flmping@1, 1 flmrun@1, 3 hot@1");
    expect(stream.messages[0]?.warm?.applications.at(-1)?.spec).toMatchObject({
      shim: 0,
      command: "/bin/hot",
      arguments: ["x"],
      environments: [{ name: "A", value: "1" }],
      description: undefined,
      labels: [],
      schema: undefined,
    });
  });

  it("comes again when applications change, within what the node keeps", async () => {
    const stream = node.work(node.hello(3));
    expect(await told(stream, 1)).toBe("1 flmping@1, 1 flmrun@1");
    await apply("{command: /bin/hot, warm_instances: 5}");
    expect(await told(stream, 2)).toBe("1 flmping@1, 1 flmrun@1, 1 hot@1");
    await apply("{command: /bin/hotter, warm_instances: 5}");
    expect(await told(stream, 3)).toBe("1 flmping@1, 1 flmrun@1, 1 hot@2");
    expect((await manager.flmctl("unregister", "flmping")).err).toBe("");
    expect(await told(stream, 4)).toBe("1 flmrun@1, 2 hot@2");
  });

  it("comes on a new stream after a restart, and never to a node that keeps none", async () => {
    expect(await told(node.work(node.hello(8)), 1)).toBe("1 flmping@1, 1 flmrun@1");
    await manager.restart();
    await node.register();
    expect(await told(node.work(node.hello(8)), 1)).toBe("1 flmping@1, 1 flmrun@1");

    const other = new ScriptedWorkNode(manager.endpoint, "n2");
    try {
      await other.register();
      const silent = other.work();
      await waitFor("the headers", () => silent.hasHeaders, patient);
      await apply("{command: /bin/hot, warm_instances: 5}");
      expect(silent.messages).toEqual([]);
    } finally {
      other.close();
    }
  });
});
