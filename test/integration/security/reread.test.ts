import { execFileSync } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { connect } from "node:tls";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { ObjectClient } from "../../../src/client/objects.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { startObjectCache } from "../../../src/object-cache/compose.ts";
import { RegistryService } from "../../../src/protocol/generated/flame/registry/v1/registry.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";
import { withToken } from "../../support/with-token.ts";
import { clientOf, lineOf, tokenOf, writeTokens } from "./token-clients.ts";

let folder: ReturnType<typeof temporaryFolder>;
let manager: ManagerUnderTest | undefined;
let errors: string[];
const closing: { close(): unknown }[] = [];

beforeEach(() => {
  folder = temporaryFolder("reread");
  errors = [];
});
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
  await manager?.close();
  manager = undefined;
  folder.remove();
});

async function start(cluster: object): Promise<ManagerUnderTest> {
  const logger: Logger = {
    ...silentLogger,
    error: (_fields, message) => void errors.push(message),
    child: () => logger,
  };
  manager = await startManager({ cluster, logger });
  return manager;
}

async function startWith(...lines: string[]): Promise<ManagerUnderTest> {
  const token_file = writeTokens(folder.path, lines);
  return await start({ security: { clients: "token", nodes: "same-user", token_file, roles: [] } });
}

function client(endpoint: string, name: string): FlameClient {
  const made = clientOf(endpoint, name, folder.path);
  closing.push(made);
  return made;
}

/** A stream that stays open until somebody ends it. */
function watch(endpoint: string, name: string): { readonly ended: Promise<ServiceError> } {
  const rpc = new Client(
    new URL(endpoint).host,
    credentials.createInsecure(),
    // Else two names of this process would be on one connection.
    { ...withToken(tokenOf(name)), "grpc.use_local_subchannel_pool": 1 },
  );
  closing.push(rpc);
  const { path, requestSerialize, responseDeserialize } = RegistryService.watch;
  const call = rpc.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
    name: undefined,
  } as never);
  call.on("data", () => undefined);
  return { ended: new Promise((ended) => call.on("error", ended)) };
}

const works = async (one: FlameClient): Promise<boolean> =>
  (await one.listApplications()).length > 0;

describe("a token file that changes", () => {
  it("lets a new token in without a restart, and one no more that was removed: its connections end", async () => {
    const { endpoint } = await startWith(
      lineOf("alice", "roles=user"),
      lineOf("bob", "roles=user"),
    );
    const [hers, his] = [watch(endpoint, "alice"), watch(endpoint, "bob")];
    const [alice, bob, eve] = ["alice", "bob", "eve"].map((name) => client(endpoint, name));
    if (alice === undefined || bob === undefined || eve === undefined) throw new Error("no client");
    expect([await works(alice), await works(bob)]).toEqual([true, true]);
    await expect(works(eve)).rejects.toMatchObject({ code: "unauthenticated" });
    writeTokens(folder.path, [lineOf("bob", "roles=user"), lineOf("eve", "roles=viewer")]);
    await waitFor("the new token", () => works(eve));
    expect((await hers.ended).code).toBe(status.UNAVAILABLE);
    await expect(works(alice)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(await works(bob)).toBe(true);
    let ended = false;
    void his.ended.then(() => (ended = true));
    // Whoever is still known keeps its connection: two changes later, too.
    writeTokens(folder.path, [lineOf("bob", "roles=user"), lineOf("alice", "roles=user")]);
    await waitFor("the old token again", () => works(alice));
    expect(ended).toBe(false);
  });

  it("gives a token other roles, and ends what it began with those before", async () => {
    const { endpoint } = await startWith(lineOf("alice", "roles=user"));
    const open = watch(endpoint, "alice");
    const alice = client(endpoint, "alice");
    await alice.createSession({ application: "flmping" }, "s1");
    writeTokens(folder.path, [lineOf("alice", "roles=viewer")]);
    expect((await open.ended).code).toBe(status.UNAVAILABLE);
    await expect(
      waitFor("a refusal", async () => {
        await alice.closeSession("s1");
        return false;
      }),
    ).rejects.toMatchObject({
      cause: expect.objectContaining({
        message: expect.stringContaining("CloseSession needs the role user, and alice has viewer"),
      }),
    });
  }, 20_000);

  it("ends connections when a token expires", async () => {
    const soon = new Date(Date.now() + 3_000).toISOString().replace(/\.\d+Z$/, "Z");
    const { endpoint } = await startWith(lineOf("alice", `roles=user expires=${soon}`));
    const open = watch(endpoint, "alice");
    expect((await open.ended).code).toBe(status.UNAVAILABLE);
  });

  it("and cannot be meant leaves what was before in force, and is told with its line", async () => {
    const { endpoint } = await startWith(lineOf("alice", "roles=user"));
    const alice = client(endpoint, "alice");
    const file = writeTokens(folder.path, [lineOf("alice", "roles=usr")]);
    await waitFor("the fault", () => errors.length > 0);
    expect(errors).toEqual([
      expect.stringMatching(
        `^cluster.security.token_file: the file ${file}, line 1: got the role "usr".*; the file has changed and is of no use: what was read before stays in force$`,
      ),
    ]);
    expect(await works(alice)).toBe(true);
  });

  it("is read again by the object cache, too", async () => {
    const token_file = writeTokens(folder.path, [lineOf("bob", "roles=user")]);
    const path = join(folder.path, "cache.yaml");
    const security = { clients: "token", token_file, roles: [] };
    writeFileSync(path, JSON.stringify({ cluster: { security }, cache: { storage: "none" } }));
    const cache = await startObjectCache({
      config: loadClusterConfig({ path, env: { FLAME_HOME: folder.path, HOME: folder.path } }),
      logger: silentLogger,
      port: 0,
    });
    closing.push(cache);
    const tokenFile = writeTokens(folder.path, [tokenOf("alice")], "own");
    const objects = new ObjectClient({ endpoint: cache.endpoint, tokenFile });
    closing.unshift(objects);
    await expect(objects.put("app/s1", Buffer.from("x"))).rejects.toMatchObject({
      code: "unauthenticated",
    });
    writeTokens(folder.path, [lineOf("alice", "roles=user")]);
    await waitFor("the new token", async () => {
      await objects.put("app/s1", Buffer.from("x"));
      return true;
    });
  });
});

describe("a certificate that changes", () => {
  it("is shown to the next connection, without a restart", async () => {
    const devCertificates = resolve(import.meta.dirname, "../../../scripts/dev-certs.sh");
    const file = (...names: string[]): string => join(folder.path, ...names);
    for (const name of ["one", "two"]) execFileSync(devCertificates, [file(name)]);
    for (const name of ["server.crt", "server.key"]) copyFileSync(file("one", name), file(name));
    const { endpoint } = await start({
      tls: { cert_file: file("server.crt"), key_file: file("server.key") },
    });
    const shown = async (): Promise<string> =>
      await new Promise((told, failed) => {
        const port = Number(new URL(endpoint).port);
        const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
          told(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
        socket.on("error", failed);
      });
    const before = await shown();
    // One after the other, as programs that renew certificates do.
    copyFileSync(file("two", "server.crt"), file("server.crt"));
    copyFileSync(file("two", "server.key"), file("server.key"));
    await waitFor("the new certificate", async () => (await shown()) !== before);
    using own = new FlameClient({
      endpoint: endpoint.replace("http:", "https:"),
      caFile: file("two", "ca.crt"),
    });
    expect(await works(own)).toBe(true);
  });
});
