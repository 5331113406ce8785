import { credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { frameMark } from "../../src/model/frame.ts";
import { PresenceClient } from "../../src/protocol/generated/flame/client/v1/client.ts";
import type { WatchNodeResponse } from "../../src/protocol/generated/flame/v1/backend.ts";
import type { ApplicationSpec, Environment } from "../../src/protocol/generated/flame/v1/types.ts";
import { waitFor } from "../support/wait-for.ts";
import { nodeMessage } from "./scripted-node.ts";
import { call, openTarget, type Target } from "./target.ts";

let target: Target;
let serial = 0;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

interface ScriptedNode {
  readonly name: string;
  /** The ids of the executors that it was told to make. */
  readonly created: string[];
  leave(): Promise<void>;
}

/** A node that tells this version, or none. */
async function joins(version: string | undefined): Promise<ScriptedNode> {
  const { backend } = target;
  const name = `node-${++serial}`;
  const metadata = new Metadata();
  if (version !== undefined) metadata.set("flame-version", version);
  await call(backend, "registerNode", { node: nodeMessage(name, true), executors: [] }, metadata);
  const watch = backend.watchNode();
  const created: string[] = [];
  watch.on("data", ({ response }: WatchNodeResponse) => {
    if (response?.$case === "executor") created.push(response.value.metadata?.id ?? "");
  });
  watch.on("error", () => undefined);
  watch.write({ heartbeat: { nodeName: name, status: nodeMessage(name, true).status } });
  const leave = async (): Promise<void> => {
    watch.cancel();
    await call(backend, "releaseNode", { nodeName: name });
  };
  return { name, created, leave };
}

/** A session with one task. */
async function begins(application: string, commonData?: Buffer): Promise<string> {
  const sessionId = `session-${++serial}`;
  const session = {
    ...{ application, minInstances: 0, maxInstances: 1, batchSize: 0, priority: 0 },
    ...{ commonData, resreq: undefined },
  };
  await call(target.frontend, "createSession", { sessionId, session });
  const task = { sessionId, input: undefined, output: undefined };
  await call(target.frontend, "createTask", { task });
  return sessionId;
}

/** What a node that tells this version, or none, is to run for a session of an application. */
async function boundOn(version: string | undefined, application: string): Promise<ApplicationSpec> {
  const { backend, frontend } = target;
  const node = await joins(version);
  const sessionId = await begins(application);
  try {
    const executorId = await waitFor("an executor", () => node.created[0]);
    const executorSpec = { node: node.name, resreq: undefined, shim: 0 as const };
    await call(backend, "registerExecutor", { executorId, executorSpec });
    const bound = await call(backend, "bindExecutor", { executorId });
    expect(bound.session?.metadata?.id).toBe(sessionId);
    return bound.application?.spec as ApplicationSpec;
  } finally {
    await node.leave();
    await call(frontend, "closeSession", { sessionId });
  }
}

async function shipped(): Promise<ApplicationSpec> {
  const { spec } = await call(target.frontend, "getApplication", { name: "flmrun" });
  return spec as ApplicationSpec;
}

const published = {
  command: "${FLAME_HOME}/bin/uv",
  arguments: [
    ...["run", "--python", "python${FLAME_PYTHON_VERSION}", "python", "-m"],
    "flamepy.runner.runpy",
  ],
  workingDirectory: undefined,
};

describe("a node of another make", () => {
  it("is to run the published program of flmrun, and all else of the application as it is", async () => {
    const { command: _c, arguments: _a, workingDirectory: _w, ...rest } = await shipped();
    expect(await boundOn(undefined, "flmrun")).toEqual({ ...rest, ...published });
    expect(rest.installer).toBe("python");
  });

  it("is to run it for what a Runner made of flmrun as well", async () => {
    const template = await shipped();
    const environments: Environment[] = [{ name: "FLAME_PYTHON_VERSION", value: "3.12" }];
    const application = {
      ...{ ...template, environments, description: "Runner application: my-runner" },
      workingDirectory: `${template.workingDirectory}/my-runner`,
    };
    await call(target.frontend, "registerApplication", { name: "my-runner", application });
    const bound = await boundOn(undefined, "my-runner");
    expect(bound).toMatchObject({ ...published, environments });
  });

  it("is to run what somebody else wrote as it is written", async () => {
    const template = await shipped();
    const mine = { ...template, arguments: [...template.arguments, "--mine"] };
    await call(target.frontend, "registerApplication", { name: "mine", application: mine });
    const elsewhere = { ...template, workingDirectory: "/srv/work" };
    await call(target.frontend, "registerApplication", { name: "else", application: elsewhere });
    expect((await boundOn(undefined, "mine")).arguments).toEqual(mine.arguments);
    expect(await boundOn(undefined, "else")).toMatchObject({
      arguments: template.arguments,
      workingDirectory: "/srv/work",
    });
  });
});

it("a node of this make is to run the shipped program", async () => {
  expect(await boundOn("0.7.0", "flmrun")).toEqual(await shipped());
});

it("a session that only services of this make read is for nodes of this make, though others have room", async () => {
  const other = await joins(undefined);
  const ours = await joins("0.7.0");
  const commonData = Buffer.concat([frameMark, Buffer.from("and more")]);
  const sessionId = await begins("flmrun", commonData);
  await waitFor("an executor", () => ours.created[0]);
  expect(other.created).toEqual([]);
  await Promise.all([other.leave(), ours.leave()]);
  await call(target.frontend, "closeSession", { sessionId });
});

it("clients are told when all nodes are of another make", async () => {
  const presence = new PresenceClient(target.address, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("flame-client", "somebody");
  const told = async (): Promise<boolean> =>
    (await call(presence, "beat", {}, metadata)).onlyOtherMakes;
  expect(await told()).toBe(false);
  const other = await joins(undefined);
  expect(await told()).toBe(true);
  const ours = await joins("0.7.0");
  expect(await told()).toBe(false);
  await ours.leave();
  expect(await told()).toBe(true);
  await other.leave();
  presence.close();
});
