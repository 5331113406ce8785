import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";

/** flamepy 0.6.0 as it is on PyPI against real services; without services: test/conformance/flamepy.test.ts. */
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
