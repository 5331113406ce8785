import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Result } from "../../src/protocol/generated/flame/v1/types.ts";
import { applicationSpec, call, failure, openTarget, status, type Target } from "./target.ts";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

const register = (name: string, fields = {}): Promise<Result> =>
  call(target.frontend, "registerApplication", { name, application: applicationSpec(fields) });
const update = (name: string, fields = {}): Promise<Result> =>
  call(target.frontend, "updateApplication", { name, application: applicationSpec(fields) });
const get = (name: string) => call(target.frontend, "getApplication", { name });

describe("the application calls", () => {
  it("list exactly the three defaults, all enabled, once the server serves", async () => {
    const { applications } = await call(target.frontend, "listApplication", {});
    expect(applications.map((one) => one.metadata?.name).sort()).toEqual([
      "flmexec",
      "flmping",
      "flmrun",
    ]);
    expect(applications.every((one) => one.status?.state === 0)).toBe(true);
  });

  it("keep every field of a full specification", async () => {
    const full = applicationSpec({
      shim: 1,
      description: "all of it",
      labels: ["a", "b"],
      image: "repo/image:1",
      command: "/bin/service",
      arguments: ["-x", "${HOME}"],
      environments: [{ name: "KEY", value: "value" }],
      workingDirectory: "/srv/app",
      maxInstances: 7,
      delayRelease: 5n,
      schema: { input: '{"type":"string"}', output: undefined, commonData: undefined },
      url: "file:///opt/example/my-app.whl",
      installer: "python",
      taskTimeout: 30,
      maxCrashes: 3,
      maxLostNodes: 2,
    });
    await register("conf-full", full);
    const { spec, status: state, metadata } = await get("conf-full");
    expect(spec).toEqual(full);
    expect(metadata).toEqual({ id: "conf-full", name: "conf-full" });
    expect(state?.state).toBe(0);
    expect(Number(state?.creationTime)).toBeGreaterThan(1_600_000_000_000);
    await call(target.frontend, "unregisterApplication", { name: "conf-full" });
  });

  it("keep what is absent absent, and fill the defaults", async () => {
    await register("conf-bare");
    const { spec } = await get("conf-bare");
    expect(spec).toEqual(
      applicationSpec({
        maxInstances: 1_000_000,
        delayRelease: 60n,
        maxCrashes: 5,
        maxLostNodes: 10,
      }),
    );
    await call(target.frontend, "unregisterApplication", { name: "conf-bare" });
  });

  it("answer a registered name, an unknown update and a bad name by Result -1", async () => {
    await register("conf-twice");
    expect(await register("conf-twice")).toMatchObject({
      returnCode: -1,
      message: expect.stringContaining("already exists"),
    });
    expect(await update("conf-nobody")).toMatchObject({
      returnCode: -1,
      message: expect.stringContaining("not found"),
    });
    for (const name of ["", ".hidden", "-dash", "a..b", "a/b", "a b", "ä", "x".repeat(254)]) {
      expect(await register(name)).toMatchObject({ returnCode: -1 });
    }
    await call(target.frontend, "unregisterApplication", { name: "conf-twice" });
  });

  it("answer success with return_code 0 and no message", async () => {
    expect(await register("conf-ok")).toEqual({ returnCode: 0, message: undefined });
    expect(await update("conf-ok", { command: "/bin/new" })).toEqual({
      returnCode: 0,
      message: undefined,
    });
    expect((await get("conf-ok")).spec?.command).toBe("/bin/new");
    // A full replace: what is omitted goes back to its default.
    await update("conf-ok", {});
    expect((await get("conf-ok")).spec?.command).toBeUndefined();
    expect(await call(target.frontend, "unregisterApplication", { name: "conf-ok" })).toEqual({
      returnCode: 0,
      message: undefined,
    });
    expect(await failure(get("conf-ok"))).toMatchObject({ code: status.notFound });
  });

  it.each([
    ["no specification", undefined, "application spec"],
    [
      "a schema that is no JSON",
      { schema: { input: "{", output: undefined, commonData: undefined } },
      "invalid input schema:",
    ],
    [
      "an empty schema",
      { schema: { input: undefined, output: "", commonData: undefined } },
      "invalid output schema:",
    ],
    [
      "an unknown $schema",
      { schema: { input: '{"$schema":"urn:no"}', output: undefined, commonData: undefined } },
      "invalid input schema:",
    ],
    [
      "a schema against its meta-schema",
      { schema: { input: undefined, output: undefined, commonData: '{"type": 3}' } },
      "invalid common data schema:",
    ],
    [
      "an unknown dialect",
      {
        schema: {
          input: '{"$schema":"https://example.org/none"}',
          output: undefined,
          commonData: undefined,
        },
      },
      "invalid input schema:",
    ],
    ["a relative working directory", { workingDirectory: "here" }, "working_directory"],
    ["an unrendered variable", { workingDirectory: "${FLAME_HOME}/x" }, "working_directory"],
    ["an ftp url", { url: "ftp://host/x.whl" }, "invalid url:"],
    ["a url without scheme", { url: "/opt/x.whl" }, "invalid url:"],
    ["a file url on another host", { url: "file://elsewhere/x.whl" }, "invalid url:"],
    ["a short hash", { url: "file:///x.whl#sha256=abc" }, "invalid url:"],
  ])("refuse %s with INVALID_ARGUMENT", async (_what, fields, text) => {
    const application = fields === undefined ? undefined : applicationSpec(fields);
    const answer = call(target.frontend, "registerApplication", { name: "conf-bad", application });
    expect(await failure(answer)).toEqual({
      code: status.invalidArgument,
      details: expect.stringContaining(text),
    });
    expect(await failure(get("conf-bad"))).toMatchObject({ code: status.notFound });
  });

  it("refuse to change or drop an application while it has open sessions, and cascade afterwards", async () => {
    await register("conf-busy", { command: "/bin/true" });
    const session = { application: "conf-busy", minInstances: 0, batchSize: 1, priority: 0 };
    await call(target.frontend, "createSession", { sessionId: "conf-busy-1", session });
    expect(await update("conf-busy")).toMatchObject({
      returnCode: -1,
      message: expect.stringContaining("open session"),
    });
    expect(
      await call(target.frontend, "unregisterApplication", { name: "conf-busy" }),
    ).toMatchObject({ returnCode: -1 });
    await call(target.frontend, "closeSession", { sessionId: "conf-busy-1" });
    expect(
      await call(target.frontend, "unregisterApplication", { name: "conf-busy" }),
    ).toMatchObject({ returnCode: 0 });
    expect(
      await failure(call(target.frontend, "getSession", { sessionId: "conf-busy-1" })),
    ).toMatchObject({
      code: status.notFound,
    });
  });
});
