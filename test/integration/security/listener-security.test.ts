import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
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
/** When the certificates were there: they are valid from the second in which they were made. */
let now: number;
const dayMs = 86_400_000;

let folder: ReturnType<typeof temporaryFolder>;
const file = (name: string): string => join(folder.path, name);

beforeAll(() => {
  folder = temporaryFolder("security");
  for (const name of [".", "strangers"])
    execFileSync(devCertificates, [file(name), "flame.test", "10.1.2.3"]);
  now = Date.now();
  writeFileSync(
    file("tokens"),
    "# two, while one is replaced\n0123456789abcdef\nfedcba9876543210\n",
  );
  writeFileSync(file("second"), "fedcba9876543210\n");
  writeFileSync(file("short"), "0123456789abcdef\nshort\n");
  writeFileSync(file("empty"), "# none\n\n");
});
afterAll(() => folder.remove());

function options(
  access: Access,
  over: Partial<ListenerSecurityOptions> = {},
): ListenerSecurityOptions {
  return {
    access,
    tls: { certFile: file("server.crt"), keyFile: file("server.key"), caFile: file("ca.crt") },
    tlsKey: "cluster.tls",
    accessKey: "cluster.security.clients",
    users: [],
    tokenFile: file("tokens"),
    tokenKey: "cluster.security.token_file",
    roles: undefined,
    now: () => now,
    ...over,
  };
}

let server: ServedFrontend | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** A Frontend of one call that writes down who made it. */
async function serve(
  access: Access,
  over: Partial<ListenerSecurityOptions> = {},
): Promise<ServedFrontend> {
  server?.close();
  server = await serveFrontend(listenerSecurity(options(access, over)));
  return server;
}

async function call(
  port: number,
  own: ConstructorParameters<typeof FlameClient>[0] = {},
): Promise<void> {
  using client = new FlameClient({
    endpoint: `https://127.0.0.1:${port}`,
    caFile: file("ca.crt"),
    ...own,
  });
  await client.listNodes();
}

/** A process of another user that connects whoever reaches it with a port of this machine. */
async function forwarder(
  to: number,
  uid: number,
): Promise<{ readonly port: number } & AsyncDisposable> {
  const program = `
    const { connect, createServer } = require("node:net");
    const server = createServer((near) => {
      const far = connect(${to}, "127.0.0.1");
      for (const socket of [near, far]) socket.on("error", () => socket.destroy());
      near.pipe(far).pipe(near);
    });
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));
  `;
  const child = spawn(process.execPath, ["-e", program], {
    uid,
    cwd: "/",
    env: {},
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const [text] = (await once(child.stdout, "data")) as [Buffer];
  return {
    port: Number(text.toString()),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

const isRoot = userInfo().uid === 0;
if (!isRoot)
  process.stderr.write(
    "listener-security.test.ts: another user is skipped, only root can be one\n",
  );
const asRoot = isRoot ? it : it["skip"];

describe("what open means", () => {
  it("is told at each start, as a warning where whoever calls becomes root", () => {
    const { warnings, notes } = listenerSecurity(options("open", { tls: undefined }));
    const [said, other] = isRoot ? [warnings, notes] : [notes, warnings];
    expect(said).toEqual([
      expect.stringMatching(
        `^cluster\\.security\\.clients is open: .*every user of this machine.*runs code as ${userInfo().username}`,
      ),
    ]);
    expect(other).toEqual([]);
  });
});

describe("a file with a secret", () => {
  const withoutName = expect.stringMatching(
    /token_file: 2 tokens of \S+tokens \(line 2, 3\) without a name: whoever has one may do everything/,
  );
  const withMode = (name: string, mode: number): void => chmodSync(file(name), mode);
  afterEach(() => {
    withMode("tokens", 0o600);
    withMode("server.key", 0o600);
  });

  it.each([0o600, 0o640, 0o400, 0o440])("of mode %o is taken without a word", (mode) => {
    withMode("tokens", mode);
    withMode("server.key", mode);
    expect(listenerSecurity(options("token")).warnings).toEqual([withoutName]);
  });

  it.each([
    [0o644, /every user of this machine may read the token in .*tokens \(mode 0644\): chmod 600/],
    [0o660, /the group of .*tokens may write it \(mode 0660\), and so choose the token: chmod g-w/],
  ])("of mode %o is warned of", (mode, text) => {
    withMode("tokens", mode);
    withMode("server.key", mode);
    expect(listenerSecurity(options("token")).warnings).toEqual([
      expect.stringMatching(/^cluster\.tls\.key_file: .*the key/),
      expect.stringMatching(text),
      withoutName,
    ]);
    const closed = listenerSecurity(options("same-user")).warnings;
    expect(closed).toEqual([expect.stringMatching(/^cluster\.tls\.key_file: .*the key/)]);
  });

  it.each([
    ["tokens", "cluster.security.token_file"],
    ["server.key", "cluster.tls.key_file"],
  ])("that everybody may write is refused: %s", (name, key) => {
    withMode(name, 0o666);
    expect(() => listenerSecurity(options("token"))).toThrow(
      new RegExp(
        `^${key}: every user of this machine may write the file .*${name} \\(mode 0666\\).*expected 0600 or 0640`,
      ),
    );
  });
});

describe("the caller of a call", () => {
  it("is anonymous where the listener is open, whatever the call brings along", async () => {
    const { port, callers } = await serve("open");
    await call(port, { tokenFile: file("tokens") });
    expect(callers).toMatchObject([{ name: "anonymous", authenticatedBy: "open" }]);
  });

  it("is the user of this machine where the listener takes those of its own user", async () => {
    const { port, callers } = await serve("same-user");
    await call(port);
    const { username } = userInfo();
    expect(callers).toMatchObject([{ name: username, authenticatedBy: "same-user" }]);
  });

  asRoot(
    "is refused as another user of this machine, unless the configuration names it",
    async () => {
      const stranger = 12_345;
      const closed = await serve("same-user");
      await using byStranger = await forwarder(closed.port, stranger);
      await expect(call(byStranger.port)).rejects.toMatchObject({
        code: "unauthenticated",
        message: expect.stringContaining(`of uid ${stranger}: call as one of them`),
      });
      expect(closed.callers).toEqual([]);
      const named = await serve("same-user", { users: [stranger] });
      await using byNamed = await forwarder(named.port, stranger);
      await call(byNamed.port);
      expect(named.callers).toMatchObject([{ name: `uid ${stranger}` }]);
    },
  );

  it("is known by any token of the file", async () => {
    const { port, callers } = await serve("token");
    await call(port, { tokenFile: file("tokens") });
    await call(port, { tokenFile: file("second") });
    const known = { name: "token", authenticatedBy: "token" };
    expect(callers).toMatchObject([known, known]);
  });

  it("is the subject of its certificate", async () => {
    const { port, callers } = await serve("mtls");
    await call(port, { certFile: file("client.crt"), keyFile: file("client.key") });
    expect(callers).toEqual([
      {
        name: "O=Flame development,CN=flame-client",
        authenticatedBy: "mtls",
        from: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        identity: expect.objectContaining({
          id: "certificate O=Flame development,CN=flame-client",
        }),
      },
    ]);
  });

  it("has the identity of its token or certificate, on every connection, and none where neither is asked for", async () => {
    const tokens = await serve("token");
    for (const tokenFile of ["tokens", "second", "tokens"])
      await call(tokens.port, { tokenFile: file(tokenFile) });
    const ids = tokens.identities.map((identity) => identity?.id);
    const idOf = (token: string) =>
      `token ${createHash("sha256").update(token).digest("hex").slice(0, 32)}`;
    const [first, second] = [idOf("0123456789abcdef"), idOf("fedcba9876543210")];
    expect(ids).toEqual([first, second, first]);
    const [ofToken] = tokens.identities;
    expect(ofToken?.accepts(second)).toBe(true);
    expect(ofToken?.accepts(idOf("a token that was removed"))).toBe(false);

    const certificates = await serve("mtls");
    for (const name of ["client", "server"])
      await call(certificates.port, {
        certFile: file(`${name}.crt`),
        keyFile: file(`${name}.key`),
      });
    const [client, daemon] = certificates.identities;
    expect(client?.id).toBe("certificate O=Flame development,CN=flame-client");
    expect(daemon?.id).toMatch(/^certificate O=Flame development,CN=(?!flame-client)/);
    expect(client?.accepts(daemon?.id ?? "")).toBe(true);
    expect(client?.accepts(first)).toBe(false);

    const open = await serve("open");
    await call(open.port);
    expect(open.identities).toEqual([undefined]);
  });

  it("is refused before any handler when a token is wrong, absent or of another kind", async () => {
    const { port, callers } = await serve("token");
    writeFileSync(file("wrong"), "0123456789abcdee\n");
    const refused = { code: "unauthenticated", message: expect.stringContaining("token") };
    await expect(call(port)).rejects.toMatchObject(refused);
    await expect(call(port, { tokenFile: file("wrong") })).rejects.toMatchObject(refused);
    expect(callers).toEqual([]);
  });

  it("is refused with the way to a certificate, not cut off, when it has none of the authority", async () => {
    const { port, callers } = await serve("mtls");
    const refused = {
      code: "unauthenticated",
      message: expect.stringContaining("FLAME_CERT_FILE"),
    };
    await expect(call(port)).rejects.toMatchObject(refused);
    const stranger = {
      certFile: file("strangers/client.crt"),
      keyFile: file("strangers/client.key"),
    };
    await expect(call(port, stranger)).rejects.toMatchObject(refused);
    expect(callers).toEqual([]);
  });
});

describe("files of the configuration", () => {
  const tls = () => options("open").tls as NonNullable<ListenerSecurityOptions["tls"]>;

  it.each<[string, () => ListenerSecurityOptions, RegExp]>([
    [
      "a certificate that is not there",
      () => options("open", { tls: { ...tls(), certFile: file("no.crt") } }),
      /cluster\.tls\.cert_file: the file \S+no\.crt cannot be read/,
    ],
    [
      "a certificate that is none",
      () => options("open", { tls: { ...tls(), certFile: file("tokens") } }),
      /cluster\.tls\.cert_file: the file \S+tokens .* expected a certificate in PEM/,
    ],
    [
      "a key that is none",
      () => options("open", { tls: { ...tls(), keyFile: file("ca.crt") } }),
      /cluster\.tls\.key_file: the file \S+ca\.crt .* expected a private key/,
    ],
    [
      "a key of another certificate",
      () => options("open", { tls: { ...tls(), keyFile: file("client.key") } }),
      /cluster\.tls\.key_file: the file \S+client\.key is not the key of the certificate \S+server\.crt/,
    ],
    [
      "a certificate that has run out",
      () => options("open", { now: () => now + 400 * dayMs }),
      /cluster\.tls\.cert_file: .*server\.crt is valid from .* renew it/,
    ],
    [
      "an authority that is none",
      () => options("open", { tls: { ...tls(), caFile: file("tokens") } }),
      /cluster\.tls\.ca_file: the file \S+tokens/,
    ],
    [
      "tokens that are not there",
      () => options("token", { tokenFile: file("none") }),
      /cluster\.security\.token_file: the file \S+none cannot be read/,
    ],
    [
      "a token that can be guessed",
      () => options("token", { tokenFile: file("short") }),
      /token_file: the file \S+short, line 2: a token that is too short, expected at least 16/,
    ],
    [
      "no token at all",
      () => options("token", { tokenFile: file("empty") }),
      /token_file: the file \S+empty has no token/,
    ],
    [
      "mtls without an authority",
      () => options("mtls", { tls: { ...tls(), caFile: undefined } }),
      /cluster\.tls\.ca_file is missing: cluster\.security says mtls/,
    ],
  ])("refuse the start for %s, naming key and file", (_what, made, text) => {
    expect(() => listenerSecurity(made())).toThrow(
      expect.objectContaining({ code: "invalid_config", message: expect.stringMatching(text) }),
    );
  });
});
