import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import type { Access } from "../../../src/config/cluster-config.ts";
import {
  type ListenerSecurityOptions,
  listenerSecurity,
} from "../../../src/security/listener-security.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { type ServedFrontend, serveFrontend } from "./served-frontend.ts";

const devCertificates = resolve(import.meta.dirname, "../../../scripts/dev-certs.sh");
let folder: ReturnType<typeof temporaryFolder>;
const file = (name: string): string => join(folder.path, name);
let server: ServedFrontend | undefined;

beforeAll(() => {
  folder = temporaryFolder("roles");
  execFileSync(devCertificates, [file(".")]);
});
afterAll(() => folder.remove());
afterEach(() => {
  server?.close();
  server = undefined;
});

async function serve(
  access: Access,
  over: Partial<ListenerSecurityOptions> = {},
): Promise<ServedFrontend> {
  server?.close();
  const security = listenerSecurity({
    access,
    tls: { certFile: file("server.crt"), keyFile: file("server.key"), caFile: file("ca.crt") },
    tlsKey: "cluster.tls",
    accessKey: "cluster.security.clients",
    users: [],
    tokenFile: undefined,
    tokenKey: "cluster.security.token_file",
    roles: undefined,
    now: Date.now,
    ...over,
  });
  server = await serveFrontend(security);
  return server;
}

async function call(
  port: number,
  own: ConstructorParameters<typeof FlameClient>[0] = {},
): Promise<void> {
  const endpoint = `https://127.0.0.1:${port}`;
  using client = new FlameClient({ endpoint, caFile: file("ca.crt"), ...own });
  await client.listNodes();
}

describe("the caller of a call", () => {
  it("has the name, the identity and the roles that the line of its token and the configuration say", async () => {
    writeFileSync(file("named"), "alice-0123456789abcdef\n");
    writeFileSync(file("later"), "alice-fedcba9876543210\n");
    const line = (token: string, more: string): string =>
      `alice sha256:${createHash("sha256").update(token).digest("hex")} ${more}`;
    writeFileSync(
      file("hashes"),
      `${line("alice-0123456789abcdef", "roles=user")}\n${line("alice-fedcba9876543210", "")}\n`,
    );
    const bound = { role: "admin", names: ["alice", "bob"], applications: ["render"] } as const;
    const { port, callers } = await serve("token", { tokenFile: file("hashes"), roles: [bound] });
    for (const tokenFile of [file("named"), file("later")]) await call(port, { tokenFile });
    const admin = { role: "admin", applications: ["render"] };
    expect(callers).toMatchObject([
      { name: "alice", identity: { id: "name alice" }, grants: [{ role: "user" }, admin] },
      { name: "alice", identity: { id: "name alice" }, grants: [admin] },
    ]);
  });

  it("is refused with a token that has expired, and told of whom it was", async () => {
    writeFileSync(file("named"), "alice-0123456789abcdef\n");
    const hash = createHash("sha256").update("alice-0123456789abcdef").digest("hex");
    writeFileSync(file("hashes"), `alice sha256:${hash} roles=user expires=2027-01-31\n`);
    let at = Date.parse("2027-01-31T23:59:59Z");
    const { port } = await serve("token", {
      tls: undefined,
      tokenFile: file("hashes"),
      now: () => at,
    });
    const endpoint = `http://127.0.0.1:${port}`;
    await call(port, { endpoint, tokenFile: file("named") });
    at += 1000;
    await expect(call(port, { endpoint, tokenFile: file("named") })).rejects.toMatchObject({
      code: "unauthenticated",
      message: expect.stringContaining("the token of alice expired at 2027-02-01T00:00:00.000Z"),
    });
  });

  it("has the roles that are bound to its certificate, or all where none are bound to anybody", async () => {
    const own = { certFile: file("client.crt"), keyFile: file("client.key") };
    const open = await serve("mtls");
    await call(open.port, own);
    expect(open.callers.map(({ grants }) => grants)).toEqual([undefined]);
    const names = ["O=Flame development,CN=flame-client"];
    const bound = await serve("mtls", { roles: [{ role: "user", names }] });
    await call(bound.port, own);
    await expect(
      call(bound.port, { certFile: file("server.crt"), keyFile: file("server.key") }),
    ).rejects.toMatchObject({
      code: "permission_denied",
      message: expect.stringContaining("O=Flame development,CN=flame-server has no role"),
    });
    expect(bound.callers.map(({ grants }) => grants)).toEqual([[{ role: "user" }]]);
  });
});
