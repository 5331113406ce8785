import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { type Client, credentials, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  addHealthAndReflection,
  type ListenerOutside,
} from "../../../src/observability/listener-service.ts";
import { HealthClient } from "../../../src/protocol/generated/grpc/health/v1/health.ts";
import {
  ServerReflectionClient,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../../src/protocol/generated/grpc/reflection/v1/reflection.ts";
import { ServerReflectionClient as AlphaClient } from "../../../src/protocol/generated/grpc/reflection/v1alpha/reflection.ts";

const serving = 1;
const notServing = 2;
const serviceUnknown = 3;

let server: Server;
let outside: ListenerOutside;
let address: string;
let clients: Client[] = [];

beforeEach(async () => {
  server = new Server();
  outside = addHealthAndReflection(server, ["flame.v1.Frontend"], ["flame.storage"]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  address = `127.0.0.1:${port}`;
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  outside.close();
  server.forceShutdown();
});

function dial<T extends Client>(
  make: new (address: string, how: ReturnType<typeof credentials.createInsecure>) => T,
): T {
  const client = new make(address, credentials.createInsecure());
  clients = [...clients, client];
  return client;
}

/** The status of a service as Check tells it, or the gRPC status of its refusal. */
function check(service: string): Promise<number | { refused: number }> {
  return new Promise((resolve) => {
    dial(HealthClient).check({ service }, (error, reply) => {
      resolve(error === null ? reply.status : { refused: error.code });
    });
  });
}

type Ask = ServerReflectionRequest["messageRequest"];
type Answer = ServerReflectionResponse["messageResponse"];

function reflect(messageRequest: Ask, make = ServerReflectionClient): Promise<Answer> {
  const call = dial(make).serverReflectionInfo();
  return new Promise((resolve, reject) => {
    call.on("data", ({ messageResponse }: ServerReflectionResponse) => resolve(messageResponse));
    call.on("error", reject);
    call.write({ host: "", messageRequest });
    call.end();
  });
}

describe("grpc.health.v1 of a listener", () => {
  test("is NOT_SERVING until the daemon serves, for each service and as a whole", async () => {
    expect(await check("")).toBe(notServing);
    expect(await check("flame.v1.Frontend")).toBe(notServing);
    outside.serving(true);
    expect(await check("")).toBe(serving);
    expect(await check("flame.v1.Frontend")).toBe(serving);
    expect(await check("flame.v1.Backend")).toEqual({ refused: status.NOT_FOUND });
  });

  test("tells of a part that cannot be used without saying anything of the rest", async () => {
    outside.part("flame.storage", false);
    outside.serving(true);
    expect(await check("flame.storage")).toBe(notServing);
    expect(await check("flame.v1.Frontend")).toBe(serving);
    expect(await check("")).toBe(serving);
    outside.part("flame.storage", true);
    expect(await check("flame.storage")).toBe(serving);
    outside.serving(false);
    expect(await check("flame.storage")).toBe(notServing);
  });

  test("tells a watch every change, and ends it when the daemon stops", async () => {
    const told: number[] = [];
    const call = dial(HealthClient).watch({ service: "flame.v1.Frontend" });
    const ended = new Promise<number>((resolve) => {
      call.on("error", (error: { code: number }) => resolve(error.code));
    });
    const first = new Promise((resolve) => call.once("data", resolve));
    call.on("data", (reply: { status: number }) => told.push(reply.status));
    await first;
    outside.serving(true);
    outside.close();
    expect(await ended).toBe(status.UNAVAILABLE);
    expect(told).toEqual([notServing, serving, notServing]);
    expect(await check("")).toBe(notServing);
  });

  test("answers a watch of an unknown service SERVICE_UNKNOWN, and leaves it open", async () => {
    const call = dial(HealthClient).watch({ service: "nothing" });
    call.on("error", () => undefined);
    const reply = await new Promise((resolve) => call.once("data", resolve));
    expect(reply).toEqual({ status: serviceUnknown });
    call.cancel();
  });
});

describe("server reflection of a listener", () => {
  const names = [
    "flame.v1.Frontend",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ];

  test.each([
    ["v1", ServerReflectionClient],
    ["v1alpha", AlphaClient as unknown as typeof ServerReflectionClient],
  ])("lists its services in %s", async (_version, make) => {
    const answer = await reflect({ $case: "listServices", value: "" }, make);
    expect(answer).toEqual({
      $case: "listServicesResponse",
      value: { service: names.map((name) => ({ name })) },
    });
  });

  test.each([
    ["flame.v1.Frontend", "flame/v1/frontend.proto"],
    ["flame.v1.Frontend.CreateTask", "flame/v1/frontend.proto"],
    ["flame.v1.TaskState", "flame/v1/types.proto"],
  ])("hands out the file of %s with its imports", async (symbol, file) => {
    const answer = await reflect({ $case: "fileContainingSymbol", value: symbol });
    if (answer?.$case !== "fileDescriptorResponse") throw new Error(JSON.stringify(answer));
    const files = answer.value.fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    expect(files[0]?.name).toBe(file);
    const given = new Set(files.map(({ name }) => name));
    for (const { dependency } of files)
      for (const name of dependency) expect(given).toContain(name);
    expect(await reflect({ $case: "fileByFilename", value: file })).toEqual(answer);
  });

  test("answers NOT_FOUND for what is not there, and goes on", async () => {
    const answer = await reflect({ $case: "fileContainingSymbol", value: "no.such.Thing" });
    expect(answer).toEqual({
      $case: "errorResponse",
      value: { errorCode: status.NOT_FOUND, errorMessage: 'no symbol "no.such.Thing" here' },
    });
  });
});
