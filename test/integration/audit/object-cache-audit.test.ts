import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { auditFile } from "../../../src/audit/open-audit-log.ts";
import { ObjectClient } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import { temporaryFolder } from "../../support/temp.ts";

let running: RunningObjectCache | undefined;
let folder: ReturnType<typeof temporaryFolder>;
afterEach(async () => {
  await running?.close();
  folder.remove();
});

test("the audit log of the object cache has who lists everything, and no object that comes or goes", async () => {
  folder = temporaryFolder("audit");
  const home = folder.path;
  const config = loadClusterConfig({ env: { FLAME_HOME: home, HOME: home } });
  running = await startObjectCache({ config, home, logger: silentLogger, port: 0 });
  const client = new ObjectClient({ endpoint: running.endpoint });
  const reference = await client.put("app/session/one", Buffer.from("object"));
  await client.get(reference);
  await client.list();
  await client.list();
  client.close();
  await running.close();
  const text = readFileSync(auditFile(home, "object-cache"), "utf8");
  expect(
    text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object),
  ).toMatchObject([
    {
      listener: "object-cache",
      method: "arrow.flight.protocol.FlightService/ListFlights",
      by: "same-user",
      outcome: "OK",
    },
    { method: "arrow.flight.protocol.FlightService/ListFlights", repeated: 1 },
  ]);
});
