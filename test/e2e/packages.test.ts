import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { FlameClient } from "../../src/client/index.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";
import { wheel } from "../support/wheel.ts";

jest.setTimeout(120_000);

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(async () => {
  await cluster.close();
});

function put(path: string, content: Buffer): string {
  const full = join(cluster.home, "user", path);
  mkdirSync(join(full, ".."), { recursive: true });
  writeFileSync(full, content);
  return full;
}

/** Registers an application from YAML, as a user does. */
async function register(name: string, spec: string): Promise<void> {
  const indented = spec.trim().replace(/^/gm, "  ");
  const file = put(`${name}.yaml`, Buffer.from(`metadata:\n  name: ${name}\nspec:\n${indented}\n`));
  const { code, stderr } = await cluster.run("flmctl", "register", "-f", file);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
}

const uvRun = (home: string) => `
command: ${home}/bin/uv
arguments:
  - run
  - -n
  - flamepy.runpy
`;

/** A client whose function exists only in the package of the application. */
const client = (application: string, more = "") => `
import flamepy
from flamepy import RunnerContext, RunnerRequest

def ask(name):
    import importlib
    return importlib.import_module(name).word

ssn = flamepy.create_session("${application}", RunnerContext(execution_object=ask))
${more}
print(ssn.invoke(RunnerRequest(args=("greet",))).get())
ssn.close()
`;

async function word(application: string): Promise<string> {
  const { stdout, stderr } = await cluster.python(client(application));
  return stdout.trim() === "" ? stderr : stdout.trim();
}

describe("an application with a url", () => {
  test.each([
    ["as the specification writes it, without installer", ""],
    ["with installer python", "installer: python"],
  ])("%s runs what only its package has", async (name, installer) => {
    const application = name.startsWith("with") ? "my-app-python" : "my-app";
    const path = put(`${application}/my-app.whl`, wheel("greet", "word = 'from the wheel'\n"));
    await register(application, `url: file://${path}\n${installer}${uvRun(cluster.home)}`);
    expect(await word(application)).toBe("from the wheel");
  });

  test("beside another one with another content of the same distribution gets its own", async () => {
    const [one, two] = ["one", "two"].map((text) =>
      put(`${text}/greet-1.0-py3-none-any.whl`, wheel("greet", `word = '${text}'\n`)),
    );
    await register("app-one", `url: file://${one}${uvRun(cluster.home)}`);
    await register("app-two", `url: file://${two}${uvRun(cluster.home)}`);
    expect(await Promise.all([word("app-one"), word("app-two")])).toEqual(["one", "two"]);
  });

  test("whose file is replaced gives the new content to the next session", async () => {
    const path = put("replaced/my-app.whl", wheel("greet", "word = 'old'\n"));
    await register("replaced", `url: file://${path}${uvRun(cluster.home)}`);
    expect(await word("replaced")).toBe("old");
    renameSync(put("replaced/next.whl", wheel("greet", "word = 'new'\n")), path);
    expect(await word("replaced")).toBe("new");
  });

  test("whose file is missing says so in the session within 3 s, and goes on when it appears", async () => {
    const path = join(cluster.home, "user/late/my-app.whl");
    await register("late", `url: file://${path}${uvRun(cluster.home)}`);
    const running = word("late");
    const client = new FlameClient({ endpoint: cluster.endpoint });
    const { session, event } = await waitFor("the event", async () => {
      const session = (await client.listSessions()).find((one) => one.application === "late");
      const event = session?.events.find(({ code }) => code === 1001);
      return session === undefined || event === undefined ? undefined : { session, event };
    });
    client.close();
    // By the server's own times: how long the client took to start is not the session's.
    expect(event.time.getTime() - session.creationTime.getTime()).toBeLessThan(3_000);
    expect(event.message).toContain(`file://${path}`);
    put("late/my-app.whl", wheel("greet", "word = 'better late'\n"));
    expect(await running).toBe("better late");
  });

  test.each([
    ["missing", undefined],
    ["broken", Buffer.from("this is no wheel")],
  ])("whose file is %s tells a caller that waits with a timeout why", async (what, content) => {
    const path = join(cluster.home, `user/${what}/my-app.whl`);
    if (content !== undefined) put(`${what}/my-app.whl`, content);
    await register(`timeout-${what}`, `url: file://${path}\n${uvRun(cluster.home)}`);
    const { stdout } = await cluster.python(`
import flamepy
from flamepy import RunnerContext, RunnerRequest
ssn = flamepy.create_session("timeout-${what}", RunnerContext(execution_object=len))
try:
    ssn.invoke(RunnerRequest(args=((),)), timeout=3)
except TimeoutError as error:
    print(error)
`);
    expect(stdout).toContain(`file://${path}`);
    expect(stdout).toContain("failed to bind session");
  });

  test("leaves no package to a session of another application", async () => {
    expect(await word("flmrun")).toContain("No module named 'greet'");
  });
});

test("the flmrun manifest of the specification runs as written", async () => {
  await register(
    "flmrun-spec",
    `working_directory: ${cluster.home}/work/flmrun${uvRun(cluster.home)}`,
  );
  const { stdout, stderr } = await cluster.python(`
import flamepy
from flamepy import RunnerContext, RunnerRequest
ssn = flamepy.create_session("flmrun-spec", RunnerContext(execution_object=lambda a, b: a + b))
print(ssn.invoke(RunnerRequest(args=(1, 2))).get())
`);
  expect({ stdout, stderr }).toEqual({ stdout: "3\n", stderr: "" });
});
