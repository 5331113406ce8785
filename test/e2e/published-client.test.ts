import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";

/** flamepy 0.6.0 as it is on PyPI, in an environment of its own, against the real daemons. */
let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

async function published(source: string): Promise<unknown> {
  const program = `import json, flamepy\nassert flamepy.__version__ == "0.6.0", flamepy.__version__\n${source}`;
  const { code, stdout, stderr } = await cluster.python(program, "published");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

describe("applications through the published client", () => {
  it("are exactly the three defaults after a clean start, all enabled", async () => {
    const source =
      "print(json.dumps(sorted([a.name, a.state.name] for a in flamepy.list_applications())))";
    expect(await published(source)).toEqual([
      ["flmexec", "ENABLED"],
      ["flmping", "ENABLED"],
      ["flmrun", "ENABLED"],
    ]);
  });

  it("are registered with and without a url, read back as they were given, and unregistered", async () => {
    const source = `
from flamepy import ApplicationAttributes, register_application, get_application, unregister_application
register_application("pub-with", ApplicationAttributes(command="/bin/x", arguments=["-a"], environments={"K": "v"},
    url="file:///opt/example/my-app.whl", installer="python", working_directory="/opt", max_instances=4, delay_release=9))
register_application("pub-without", ApplicationAttributes(command="/bin/x"))
a, b = get_application("pub-with"), get_application("pub-without")
out = [[a.url, a.installer, a.arguments, a.environments, a.working_directory, a.max_instances, a.delay_release],
       [b.url, b.installer, b.working_directory, b.image, b.description, b.max_instances, b.delay_release]]
for name in ("pub-with", "pub-without"):
    unregister_application(name)
print(json.dumps(out + [get_application("pub-with"), get_application("pub-without")]))`;
    expect(await published(source)).toEqual([
      ["file:///opt/example/my-app.whl", "python", ["-a"], { K: "v" }, "/opt", 4, 9],
      [null, null, null, null, null, 1_000_000, 60],
      null,
      null,
    ]);
  });

  it("are refused with the server's reason", async () => {
    const source = `
texts = []
for name, url in (("flmping", None), ("bad name", None), ("pub-ftp", "ftp://host/x.whl")):
    try:
        flamepy.register_application(name, flamepy.ApplicationAttributes(command="/bin/x", url=url))
        texts.append("registered")
    except flamepy.FlameError as error:
        texts.append(str(error))
print(json.dumps(texts))`;
    const [existing, named, url] = (await published(source)) as string[];
    expect(existing).toContain("already exists");
    expect(named).toContain("invalid application name");
    expect(url).toContain("invalid url:");
  });
});

describe("sessions and tasks through the published client", () => {
  it("run flmping and end as they should", async () => {
    const source = `
from concurrent.futures import wait
ssn = flamepy.create_session("flmping", b'{"value":"x"}')
futures = [ssn.run(b'{"duration":1}') for _ in range(25)]
outputs = [json.loads(f.result(60))["message"] for f in futures]
again = flamepy.get_session(ssn.id)
ssn.close(); ssn.close()
closed = flamepy.get_session(ssn.id)
print(json.dumps([len(outputs), all("Completed on" in o for o in outputs), again.succeed, closed.state.name]))`;
    expect(await published(source)).toEqual([25, true, 25, "CLOSED"]);
  });

  it("report a failed task with the text of the service, and the session stays usable", async () => {
    const source = `
ssn = flamepy.create_session("flmping")
try:
    ssn.invoke(b"not json")
    text = "succeeded"
except flamepy.FlameError as error:
    text = str(error)
ok = ssn.invoke(b"{}")
events = [[e.code, e.message] for e in ssn.get_task("1").events]
session = flamepy.get_session(ssn.id)
ssn.close()
print(json.dumps([text, ok is not None, events[-1][0], events[-1][1], session.failed, session.succeed]))`;
    const [text, ok, code, event, failed, succeed] = (await published(source)) as [
      string,
      boolean,
      number,
      string,
      number,
      number,
    ];
    expect({ ok, code, failed, succeed }).toEqual({ ok: true, code: 3, failed: 1, succeed: 1 });
    expect(text).toContain(event);
  });

  it("open by id and specification, with the words that its tests look for", async () => {
    const source = `
from flamepy import SessionAttributes
def attempt(call):
    try:
        call()
        return ["ok", ""]
    except flamepy.FlameError as error:
        return [error.code.name, str(error)]
spec = lambda **more: SessionAttributes(application="flmping", id="pub-open", **more)
first = flamepy.open_session("pub-open", spec())
out = [attempt(lambda: flamepy.open_session("pub-nobody")), attempt(lambda: flamepy.open_session("pub-open", spec(min_instances=1)))]
first.close()
out.append(attempt(lambda: flamepy.open_session("pub-open")))
print(json.dumps(out))`;
    expect(await published(source)).toEqual([
      ["NOT_FOUND", expect.stringContaining("not found")],
      ["INVALID_ARGUMENT", expect.stringContaining("spec mismatch: min_instances")],
      ["INVALID_ARGUMENT", expect.stringContaining("not open")],
    ]);
  });
});

describe("an application that an administrator edits", () => {
  it("survives a restart, while the defaults beside it follow what is shipped", async () => {
    const { stdout } = await cluster.run("flmctl", "view", "app", "flmping", "-o", "yaml");
    mkdirSync(join(cluster.home, "edit"), { recursive: true });
    const file = join(cluster.home, "edit", "flmping.yaml");
    writeFileSync(file, stdout.replace(/delay_release: \d+/, "delay_release: 5"));
    expect(readFileSync(file, "utf8")).toContain("delay_release: 5");
    expect(await cluster.run("flmctl", "update", "-f", file)).toMatchObject({
      code: 0,
      stderr: "",
    });
    await cluster.daemon("flame-session-manager").stop();
    await cluster.daemon("flame-session-manager").start();
    const source =
      "print(json.dumps(sorted([a.name, a.delay_release] for a in flamepy.list_applications())))";
    expect(await published(source)).toEqual([
      ["flmexec", 60],
      ["flmping", 5],
      ["flmrun", 60],
    ]);
  });
});
