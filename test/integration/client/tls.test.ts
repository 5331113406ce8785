import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { FrontendService } from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
let server: Server;
let port: number;
const certificate = (): string => join(folder.path, "cert.pem");

beforeAll(async () => {
  folder = temporaryFolder("tls");
  const key = join(folder.path, "key.pem");
  const subject = [
    "-subj",
    "/CN=flame test",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
  ];
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key];
  execFileSync("openssl", [...made, "-out", certificate(), ...subject], { stdio: "ignore" });
  server = new Server();
  server.addService(FrontendService, {
    listNodes: (_: unknown, answer: (error: null, reply: object) => void) =>
      answer(null, { nodes: [] }),
  });
  const pair = { private_key: readFileSync(key), cert_chain: readFileSync(certificate()) };
  port = await new Promise((resolve, reject) => {
    const trust = ServerCredentials.createSsl(null, [pair]);
    server.bindAsync("127.0.0.1:0", trust, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
});

afterAll(() => {
  server.forceShutdown();
  folder.remove();
});

async function nodesOver(endpoint: string, caFile?: string): Promise<unknown> {
  const client = new FlameClient({ endpoint, ...(caFile === undefined ? {} : { caFile }) });
  try {
    return await client.listNodes();
  } finally {
    client.close();
  }
}

describe("FlameClient over TLS", () => {
  it.each(["127.0.0.1", "localhost"])("trusts the CA file for %s", async (host) => {
    await expect(nodesOver(`https://${host}:${port}`, certificate())).resolves.toEqual([]);
  });

  it("does not trust a stranger with the system's roots, and says why", async () => {
    await expect(nodesOver(`https://127.0.0.1:${port}`)).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringMatching(/failed to connect to https:.*self.signed/),
    });
  });

  it("names a CA file that cannot be read", async () => {
    await expect(nodesOver(`https://127.0.0.1:${port}`, "/nowhere/ca.pem")).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("/nowhere/ca.pem"),
    });
  });
});
