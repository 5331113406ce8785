import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { storedZip } from "../../../src/executor-manager/packages/stored-zip.ts";
import { allocateFlightData } from "../../../src/protocol/flight/flight-data.ts";
import { flightDefinition } from "../../../src/protocol/flight/flight-definition.ts";
import type { Ticket } from "../../../src/protocol/generated/arrow/flight/flight.ts";
import { pythons } from "../../support/python.ts";
import { StoreUnderTest } from "./store-under-test.ts";

jest.setTimeout(60_000);

/** The messages of an answer to DoGet, made by Arrow's own library: header and body of each, in hex. */
function answered(data: Buffer, compression: "zstd" | "lz4"): [header: Buffer, body: Buffer][] {
  const source = `
import io, sys, pyarrow as pa, pyarrow.ipc as ipc
columns = [("version", pa.uint64()), ("kind", pa.string()), ("data", pa.binary())]
schema = pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])
row = [[1], ["base"], [sys.stdin.buffer.read()]]
batch = pa.record_batch([pa.array(cells, kind) for cells, (_, kind) in zip(row, columns)], schema=schema)
sink = io.BytesIO()
with ipc.new_stream(sink, schema, options=ipc.IpcWriteOptions(compression="${compression}")) as writer:
    writer.write_batch(batch)
reader = ipc.MessageReader.open_stream(sink.getvalue())
for _ in range(2):
    message = reader.read_next_message()
    print(message.metadata.to_pybytes().hex(), message.body.to_pybytes().hex() if message.body else "")
`;
  const options = { input: data, encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  return execFileSync(pythons.ours, ["-c", source], options)
    .trim()
    .split("\n")
    .map((line) => {
      const [header = "", body = ""] = line.split(" ");
      return [Buffer.from(header, "hex"), Buffer.from(body, "hex")];
    });
}

/** An object cache that answers as the published one: the schema, then one compressed batch. */
class PublishedCache {
  readonly #server = new Server({ "grpc.max_send_message_length": -1 });
  readonly #objects = new Map<string, [Buffer, Buffer][]>();
  endpoint = "";

  async start(): Promise<void> {
    this.#server.addService(
      { doGet: flightDefinition.doGet },
      { doGet: (call: ServerWritableStream<Ticket, Buffer>) => this.#answer(call) },
    );
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.endpoint = `grpc://127.0.0.1:${port}`;
  }

  put(key: string, data: Buffer, compression: "zstd" | "lz4" = "zstd"): string {
    this.#objects.set(`${key}:0`, answered(data, compression));
    return `${this.endpoint}/${key}`;
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #answer(call: ServerWritableStream<Ticket, Buffer>): void {
    const found = this.#objects.get(call.request.ticket.toString());
    if (found === undefined) {
      call.emit("error", { code: status.NOT_FOUND, details: "object not found" });
      return;
    }
    for (const [header, body] of found) {
      const allocated = allocateFlightData(header, body.length);
      body.copy(allocated.body);
      call.write(allocated.message);
    }
    call.end();
  }
}

describe("a package in the published object cache, which compresses its answers", () => {
  let store: StoreUnderTest;
  let cache: PublishedCache;

  beforeEach(async () => {
    store = new StoreUnderTest();
    await store.open();
    cache = new PublishedCache();
    await cache.start();
  });

  afterEach(async () => {
    cache.close();
    await store.close();
  });

  /** What its file `word` says. */
  async function word(url: string): Promise<string> {
    const prepared = await store.prepare(url, { installer: "binary" });
    return readFileSync(join(prepared.variables.values["FLAME_APP_DIR"] ?? "", "word"), "utf8");
  }

  test("is installed", async () => {
    const url = cache.put("my-app/pkg/my-app.zip", storedZip({ word: "published" }));
    expect(await word(url)).toBe("published");
  });

  test("of some megabytes, of which some compress and some do not, is what was put there", async () => {
    // The same noise in each run.
    const noise = Array.from({ length: 60_000 }, (_, i) =>
      createHash("sha256").update(String(i)).digest("hex"),
    ).join("");
    const long = `${noise}${"again and again ".repeat(200_000)}${noise.slice(0, 1_000_000)}`;
    expect((await word(cache.put("a/pkg/a.zip", storedZip({ word: long })))) === long).toBe(true);
  });

  test("with a compression that it never uses is refused with the url", async () => {
    const url = cache.put("my-app/pkg/my-app.zip", storedZip({ word: "x" }), "lz4");
    await expect(store.prepare(url, { installer: "binary" })).rejects.toThrow(
      /package url "grpc:.*my-app\.zip": .*compressed with lz4, expected ZSTD/,
    );
  });
});

describe("the url of the published flmping", () => {
  let store: StoreUnderTest;

  beforeEach(async () => {
    store = new StoreUnderTest();
    await store.open();
  });
  afterEach(() => store.close());

  const url = "file://${FLAME_HOME}/bin/flmping-service";

  test("is left alone, as everything else without an installer that is no package", async () => {
    const { variables } = await store.prepare(url);
    expect(variables).toEqual({ paths: {}, values: {} });
    expect(store.installed()).toEqual([]);
  });

  test("is refused with an installer, which would have to read it", async () => {
    await expect(store.prepare(url, { installer: "python" })).rejects.toThrow(
      /package url "file:\/\/\$\{FLAME_HOME\}/,
    );
  });
});
