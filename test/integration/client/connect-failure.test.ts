import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createWebServer } from "node:http";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { addHealthAndReflection } from "../../../src/observability/listener-service.ts";
import { temporaryFolder } from "../../support/temp.ts";

const releases: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

/** The port of a server that listens from now on, until the end of the test. */
async function listening(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  releases.push(() => new Promise<void>((done) => void server.close(() => done())));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

const closedPort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
};

const webServer = (page: string): Promise<number> =>
  listening(
    createWebServer((_, reply) => {
      reply.statusCode = page === "" ? 404 : 200;
      reply.end(page);
    }),
  );

/** TLS with a certificate for the host `other`, of no authority. */
function strangersTls(): ServerCredentials {
  const folder = temporaryFolder("stranger");
  const key = join(folder.path, "key.pem");
  const certificate = join(folder.path, "cert.pem");
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key];
  const subject = ["-subj", "/CN=other", "-addext", "subjectAltName=DNS:other"];
  execFileSync("openssl", [...made, "-out", certificate, ...subject], { stdio: "ignore" });
  const pair = { private_key: readFileSync(key), cert_chain: readFileSync(certificate) };
  folder.remove();
  return ServerCredentials.createSsl(null, [pair]);
}

/** A gRPC server that has health and one service's name, as our daemons have. */
async function grpcServer(
  service: string,
  credentials = ServerCredentials.createInsecure(),
): Promise<number> {
  const server = new GrpcServer();
  addHealthAndReflection(server, [service]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  releases.push(() => server.forceShutdown());
  return port;
}

async function failure(
  endpoint: string,
  call = (client: FlameClient): Promise<unknown> => client.listApplications(),
): Promise<FlameError> {
  const client = new FlameClient({ endpoint });
  try {
    await call(client);
  } catch (thrown) {
    return FlameError.from(thrown);
  } finally {
    client.close();
  }
  throw new Error("it answered");
}

const metrics = "# HELP process_x x\n# HELP flame_tasks_total Tasks\nflame_tasks_total 1\n";
const hangsUp = (): Promise<number> => listening(createServer((socket) => socket.resume().end()));
const notForClients = "not the one that a session manager has for clients";

describe("the first call to a wrong address says what is wrong with it", () => {
  test.each([
    [
      "a closed port",
      "http",
      closedPort,
      /^nothing listens there; .* \(connect ECONNREFUSED 127\.0\.0\.1:\d+\)$/,
    ],
    [
      "a closed port, with TLS",
      "https",
      closedPort,
      /^nothing listens there; is the session manager running/,
    ],
    [
      "a web server",
      "http",
      () => webServer(""),
      `a web server answers on this port, ${notForClients}`,
    ],
    [
      "metrics",
      "http",
      () => webServer(metrics),
      `this is the port of a Flame daemon's metrics, ${notForClients}`,
    ],
    [
      "a web server, with TLS",
      "https",
      () => webServer(""),
      /^this port speaks no TLS; .* http:\/\/ \([^:]*\)$/,
    ],
    [
      "an object cache",
      "http",
      () => grpcServer("arrow.flight.protocol.FlightService"),
      `this is the port of an object cache, ${notForClients}`,
    ],
    [
      "the port for nodes",
      "http",
      () => grpcServer("flame.v1.Backend"),
      `this is the port that a session manager has for its nodes, ${notForClients}`,
    ],
    [
      "TLS, without it",
      "http",
      () => grpcServer("flame.v1.Frontend", strangersTls()),
      /^what answers there speaks no gRPC without TLS; with TLS the address begins with https:\/\/ \(Failed to connect\)$/,
    ],
    [
      "TLS of a stranger",
      "https",
      () => grpcServer("flame.v1.Frontend", strangersTls()),
      /^its certificate is of no authority that is trusted here; name that with FLAME_CA_FILE or ca_file \(self.signed certificate\)$/,
    ],
    ["who hangs up", "http", hangsUp, /^what answers there speaks no gRPC without TLS; /],
    ["who hangs up, with TLS", "https", hangsUp, /^it hung up during the TLS handshake; /],
  ] as const)("%s", async (_name, scheme, start, words) => {
    const port = await start();
    const url = `${scheme}://127.0.0.1:${port}`;
    const began = performance.now();
    const { code, message } = await failure(url);
    const head = `failed to connect to ${url}: `;
    expect({ code, head: message.slice(0, head.length) }).toEqual({ code: "invalid_config", head });
    expect(message.slice(head.length)).toMatch(words);
    // At once, if the machine is not busy; the deadline of a call is a minute.
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test("a web server, of which a stream is asked", async () => {
    const endpoint = `http://127.0.0.1:${await webServer("")}`;
    const { message } = await failure(endpoint, (client) => client.listTasks("any").next());
    expect(message).toBe(
      `failed to connect to ${endpoint}: a web server answers on this port, ${notForClients}`,
    );
  });

  test("an unknown host", async () => {
    const { code, message } = await failure("http://no-such.invalid:8080");
    expect({ code, message }).toEqual({
      code: "invalid_config",
      message: expect.stringMatching(
        /^failed to connect to http:\/\/no-such\.invalid:8080: no address is known for the host "no-such\.invalid"; is its name right\? \(/,
      ),
    });
  });
});
