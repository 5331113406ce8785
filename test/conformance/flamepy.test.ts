import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";

const names = "sorted(a.name for a in flamepy.list_applications())";

describe("the published flamepy 0.6.0", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });

  afterAll(async () => {
    await cluster.close();
  });

  /** What a program of a user of that release prints. */
  async function printed(...lines: string[]): Promise<string[]> {
    const source = ["import flamepy", ...lines].join("\n");
    const { code, stdout, stderr } = await cluster.python(source, "published");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout.trimEnd().split("\n");
  }

  it("lists exactly the three default applications", async () => {
    expect(await printed(`print(${names})`)).toEqual(["['flmexec', 'flmping', 'flmrun']"]);
  });

  it("registers with and without url, reads it back and unregisters", async () => {
    const output = await printed(
      `url = "file:///opt/example/my_app-1.0-py3-none-any.whl"`,
      `flamepy.register_application("with-url", {"command": "/bin/true", "url": url})`,
      `flamepy.register_application("without-url", {"command": "/bin/true"})`,
      `print(flamepy.get_application("with-url").url == url)`,
      `print(flamepy.get_application("without-url").url)`,
      `flamepy.unregister_application("with-url")`,
      `flamepy.unregister_application("without-url")`,
      `print(${names})`,
    );
    expect(output).toEqual(["True", "None", "['flmexec', 'flmping', 'flmrun']"]);
  });

  it("sees an administrator's edit, also after a restart", async () => {
    const edit = `${cluster.home}/user/flmping.yaml`;
    const { stdout } = await cluster.run("flmctl", "view", "app", "flmping", "-o", "yaml");
    writeFileSync(edit, stdout.replace(/description: .*/, "description: Ours"));
    expect(await cluster.run("flmctl", "update", "-f", edit)).toMatchObject({
      code: 0,
      stderr: "",
    });
    const look = `print(flamepy.get_application("flmping").description)`;
    expect(await printed(look)).toEqual(["Ours"]);
    await cluster.daemon("flame-session-manager").restart();
    expect(await printed(look)).toEqual(["Ours"]);
  });

  it("runs tasks and hears how they end", async () => {
    const output = await printed(
      "import json",
      `ssn = flamepy.create_session("flmping", None)`,
      `reply = ssn.invoke(json.dumps({"duration": None, "memory": None}).encode())`,
      `print(json.loads(reply)["message"].split()[0])`,
      `futures = [ssn.run(b'{}') for _ in range(20)]`,
      `print(len([f.result(30) for f in futures]))`,
      `ssn.close()`,
      `print(flamepy.get_session(ssn.id).state.name)`,
    );
    expect(output).toHaveLength(3);
    expect(output.slice(1)).toEqual(["20", "CLOSED"]);
  });
});
