import { readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient, type ObjectRef } from "../../../src/client/objects.ts";
import { sendPut } from "../../../src/client/objects-calls.ts";
import { cacheEndpoint, ObjectChannel } from "../../../src/client/objects-channel-client.ts";
import { pathDescriptor, putMessages } from "../../../src/client/put-messages.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { type RunningObjectCache, startObjectCache } from "../../../src/object-cache/compose.ts";
import {
  FlightDescriptor,
  FlightDescriptor_DescriptorType,
} from "../../../src/protocol/generated/arrow/flight/flight.ts";
import { temporaryFolder } from "../../support/temp.ts";

const durable = false;
/** Through the log of small ones, messages, and a file of the shared folder. */
const sizes = [0, 100, 200_000, 5_000_000];

let folder: { path: string; remove: () => void };
let running: RunningObjectCache;
let client: ObjectClient;

async function start(port = 0): Promise<void> {
  const config = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
  running = await startObjectCache({ config, logger: silentLogger, port });
  client = new ObjectClient({ endpoint: running.endpoint });
}

async function restart(): Promise<void> {
  client.close();
  await running.close();
  await start(running.port);
}

beforeEach(async () => {
  folder = temporaryFolder("unsynced");
  await start();
});

afterEach(async () => {
  client.close();
  await running.close();
  folder.remove();
});

const content = (size: number): Buffer => Buffer.alloc(size, `${size}`);
const pieces = (): string[] => readdirSync(join(folder.path, "data/objects/pieces"));

async function putAll(): Promise<ObjectRef[]> {
  const refs: ObjectRef[] = [];
  for (const size of sizes) refs.push(await client.put("app/ssn", content(size), { durable }));
  return refs;
}

describe("a put with durable: false", () => {
  it("gives the same bytes of every size, before and after a restart of the cache", async () => {
    const refs = await putAll();
    for (let again = 0; again < 2; again++) {
      const got = await Promise.all(refs.map((ref) => client.get(ref)));
      expect(got.map((bytes, one) => bytes.equals(content(sizes[one] ?? -1)))).toEqual([
        true,
        true,
        true,
        true,
      ]);
      await restart();
    }
    expect(refs.map(({ key }) => key)).toEqual(
      refs.map(() => expect.stringMatching(/^app\/ssn\/unsynced-[0-9a-f-]{36}$/)),
    );
    expect(pieces().map((name) => name.split(".")[1])).toEqual(["unsynced", "unsynced"]);
  });

  it("also of an uploaded file", async () => {
    const file = join(folder.path, "file");
    writeFileSync(file, content(300_000));
    const ref = await client.upload("app/ssn", file, { durable });
    expect(pieces()).toEqual([expect.stringMatching(/\.unsynced$/)]);
    expect((await client.get(ref)).equals(content(300_000))).toBe(true);
  });

  it("is told to be lost, and never as other bytes, when its file was cut short meanwhile", async () => {
    const refs = await putAll();
    const kept = await client.put("app/ssn", content(5_000_000));
    client.close();
    await running.close();
    for (const name of pieces().filter((one) => one.endsWith(".unsynced"))) {
      truncateSync(join(folder.path, "data/objects/pieces", name), 200_000);
    }
    for (const name of readdirSync(join(folder.path, "data/objects/small"))) {
      truncateSync(join(folder.path, "data/objects/small", name), 10);
    }
    await start(running.port);
    for (const ref of refs) {
      await expect(client.get(ref)).rejects.toMatchObject({
        code: "not_found",
        message: expect.stringContaining(
          `the object "${ref.key}" is lost: it was put with durable=False, and a power cut`,
        ),
      });
    }
    expect((await client.get(kept)).equals(content(5_000_000))).toBe(true);
    expect(pieces()).toEqual([expect.stringMatching(/\.base$/)]);
  });

  it.each(sizes)(
    "is refused at a named key, with %d bytes, and leaves what is there",
    async (size) => {
      const ref = await client.put("app/ssn/named", Buffer.from("there"));
      await expect(client.put("app/ssn/named", content(size), { durable })).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining(
          'only a put at a prefix "<app>/<session>" may be without a sync (durable=False): it names its object "app/ssn/named"',
        ),
      });
      expect((await client.get(ref)).toString()).toBe("there");
      expect(readdirSync(join(folder.path, "data/objects/tmp"))).toEqual([]);
    },
  );

  it("takes no patch, and is patched once it was updated", async () => {
    const ref = await client.put("app/ssn", content(100), { durable });
    await expect(client.patch(ref, Buffer.from("+"))).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("update it instead, which is durable"),
    });
    const updated = await client.update(ref, Buffer.from("updated"));
    expect(updated.version).toBe(2);
    expect((await client.patch(ref, Buffer.from("+"))).version).toBe(3);
  });
});

describe("the metadata flame-durable", () => {
  const send = async (said: string, descriptor = pathDescriptor("app/ssn")): Promise<unknown> => {
    const options = { callTimeoutMs: 10_000 };
    const channel = new ObjectChannel(
      { clock: systemClock },
      cacheEndpoint(running.endpoint),
      options,
    );
    const metadata = new Metadata();
    metadata.set("flame-durable", said);
    try {
      const messages = putMessages(descriptor, [Buffer.from("x")]);
      return await sendPut(channel.put(metadata), messages, "127.0.0.1");
    } finally {
      channel.close();
    }
  };

  it.each(["no", "False", "0", "", "true,false"])("is refused when it says %j", async (said) => {
    await expect(send(said)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining(
        `bad metadata flame-durable: expected "true" or "false", got ${JSON.stringify(said)}`,
      ),
    });
    expect(await client.list()).toEqual([]);
  });

  it("may say true, and nothing else of a patch", async () => {
    await send("true", pathDescriptor("app/ssn/named"));
    const patch = FlightDescriptor.fromPartial({
      type: FlightDescriptor_DescriptorType.CMD,
      cmd: Buffer.from("PATCH:app/ssn/named"),
    });
    await expect(send("false", patch)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining('it is a patch of "app/ssn/named"'),
    });
    await send("true", patch);
    const ref = { endpoint: running.endpoint, key: "app/ssn/named", version: 0 };
    expect(await client.fetch(ref, 0)).toMatchObject({ version: 2 });
  });
});
