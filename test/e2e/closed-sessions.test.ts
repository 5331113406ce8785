import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { FlameClient } from "../../src/client/index.ts";
import { ObjectClient } from "../../src/client/objects.ts";
import { codeOf } from "../../src/kit/thrown.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({
    daemons: ["flame-session-manager", "flame-object-cache"],
    config: {
      cluster: { limits: { closed_session_retention: "500ms" } },
      cache: { retention: "100ms", orphan_retention: "2s" },
    },
  });
});
afterAll(() => cluster.close());

it("a closed session leaves database and object cache when its time has come, an open one stays", async () => {
  const client = new FlameClient({ endpoint: cluster.endpoint });
  const objects = new ObjectClient({ endpoint: cluster.cacheEndpoint });
  try {
    const [closed, open] = await Promise.all(
      ["closed", "open"].map((id) => client.createSession({ application: "flmexec" }, id)),
    );
    const refs = await Promise.all(
      ["closed", "open"].map((id) => objects.put(`flmexec/${id}`, Buffer.from(id))),
    );
    await closed?.close();
    await waitFor("the object to be gone", () =>
      objects.get(refs[0] as (typeof refs)[0] & object).then(
        () => false,
        (thrown: unknown) => codeOf(thrown) === "not_found",
      ),
    );
    await waitFor("the session to be gone", async () => {
      const sessions = await client.listSessions();
      return sessions.length === 1 && sessions[0]?.id === open?.id;
    });
    expect((await objects.get(refs[1] as (typeof refs)[1] & object)).toString()).toBe("open");
  } finally {
    client.close();
    objects.close();
  }
});

it("objects of a session that was never created leave the cache after their last use, those of open sessions stay", async () => {
  const client = new FlameClient({ endpoint: cluster.endpoint });
  const objects = new ObjectClient({ endpoint: cluster.cacheEndpoint });
  try {
    await client.createSession({ application: "flmexec" }, "alive");
    await objects.put("flmexec/alive/kept", Buffer.from("kept"));
    await objects.put("flmexec/shared/kept", Buffer.from("kept"));
    await objects.put("flmexec/never-created/lost", Buffer.from("lost"));
    const keys = async () => (await objects.list()).map(({ key }) => key);
    await waitFor("the orphan to be gone", async () => {
      return !(await keys()).includes("flmexec/never-created/lost");
    });
    expect(await keys()).toEqual(
      expect.arrayContaining(["flmexec/alive/kept", "flmexec/shared/kept"]),
    );
  } finally {
    client.close();
    objects.close();
  }
});
