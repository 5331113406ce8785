import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { BindExecutorResponse } from "../../../src/protocol/generated/flame/v1/backend.ts";
import { waitFor } from "../../support/wait-for.ts";
import { BundledServices } from "./bundled-services.ts";
import { NodeUnderTest } from "./node-under-test.ts";
import { binding, type ScriptedBackend } from "./scripted-backend.ts";
import { ScriptedWork } from "./scripted-work.ts";

const services = new BundledServices();
let node: NodeUnderTest;
let backend: ScriptedBackend;
let work: ScriptedWork;

beforeAll(async () => {
  await services.prepare();
});
afterAll(() => {
  services.remove();
});
beforeEach(async () => {
  node = new NodeUnderTest();
  backend = node.backend;
  work = new ScriptedWork();
  backend.work = work;
  await node.start();
  await waitFor("the stream", () => work.messages.length > 0);
});
afterEach(async () => {
  await node.close();
});

const nothing = BindExecutorResponse.fromPartial({});

describe("an executor that comes with its session on the stream", () => {
  test("neither registers nor asks for it, and runs its first task as soon as it has entered", async () => {
    expect(work.messages[0]?.hello?.binds).toBe(true);
    work.give("exec-1", binding(services.scripted()), "echo:first");
    await backend.called("unbindExecutorCompleted");
    expect(work.texts).toEqual(["first"]);
    expect(new Set(work.entered)).toEqual(new Set(["exec-1 ssn-1"]));
    backend.bindings.push(undefined);
    await backend.called("unregisterExecutor");
    expect(backend.rpcs()).toEqual([
      "registerNode",
      "unbindExecutor",
      "unbindExecutorCompleted",
      "bindExecutor",
      "unregisterExecutor",
    ]);
  });

  test("whose service does not enter says why by a call, and gives its task back", async () => {
    work.give("exec-1", binding(services.scripted("enter-fails")), "echo:first");
    await backend.called("unbindExecutorCompleted");
    const [failed] = node.bindResults();
    expect(failed?.returnCode).toBe(12);
    expect(failed?.message).toMatch(/did not enter the session: .*not today/);
    await waitFor("the task", () => work.returned.length > 0);
    expect(work.returned).toEqual(["L1"]);
    expect(work.entered).toEqual([]);
  });

  test("asks for its next session after a bind that failed, and says by a call that it has entered that", async () => {
    backend.bindings.push(binding(services.scripted()), undefined);
    work.give("exec-1", binding(services.scripted("enter-fails")));
    await backend.called("unregisterExecutor");
    expect(node.bindResults().map(({ returnCode }) => returnCode)).toEqual([12, 0]);
  });

  test("says that it has entered by a call when the stream broke meanwhile, and keeps its task", async () => {
    work.give("exec-1", binding(services.scripted("enter-waits")), "echo:first");
    await node.firstService();
    work.break();
    await waitFor("another stream", () => work.messages.some(({ ready }) => ready.length > 0));
    const [word] = work.messages.flatMap(({ ready }) => ready);
    expect(word).toMatchObject({ opens: true, entered: "", held: [{ lease: "L1" }] });
    writeFileSync(join(node.home.root, "enter"), "");
    await waitFor("the result", () => work.results.size === 1);
    expect(node.bindResults()).toEqual([{ returnCode: 0 }]);
    expect(work.texts).toEqual(["first"]);
  });

  test("goes when there is nothing to serve any more", async () => {
    work.give("exec-1", nothing, "echo:never");
    await backend.called("unregisterExecutor");
    await waitFor("the task", () => work.returned.length > 0);
    expect([work.returned, backend.rpcs()]).toEqual([
      ["L1"],
      ["registerNode", "unregisterExecutor"],
    ]);
  });

  test("fails to bind what it cannot read", async () => {
    const { application } = binding(services.scripted());
    const session = { metadata: undefined, spec: undefined, status: undefined };
    work.give("exec-1", { application, session }, "echo:never");
    await backend.called("bindExecutorCompleted");
    const [failed] = node.bindResults();
    expect([failed?.returnCode, failed?.message]).toEqual([
      11,
      "the session manager's answer to BindExecutor lacks session metadata or spec",
    ]);
    await waitFor("the task", () => work.returned.length > 0);
    expect(work.returned).toEqual(["L1"]);
  });

  test("that is none ends the stream, and the node registers anew", async () => {
    const { application, session } = binding(services.scripted());
    work.say({ binds: [{ executor: undefined, application, session, requestId: "" }] });
    await backend.called("registerNode", 2);
    await waitFor("another stream", () => work.streams === 2);
    expect(backend.registrations[1]?.executors).toEqual([]);
  });
});
