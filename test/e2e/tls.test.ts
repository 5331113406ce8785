import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../src/client/index.ts";
import { ObjectClient, type ObjectClientOptions } from "../../src/client/objects.ts";
import type { ClientCredentials } from "../../src/config/client-credentials.ts";
import { parseEndpoint } from "../../src/config/endpoint.ts";
import { BackendClient } from "../../src/executor-manager/backend-client.ts";
import { systemClock } from "../../src/kit/clock.ts";
import { silentLogger } from "../../src/kit/logger.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { freePorts } from "../support/ports.ts";
import { pythons, runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";

/** Made by the script that docs/security.md tells people to use. */
let certificates: ReturnType<typeof temporaryFolder>;
const file = (name: string): string => join(certificates.path, name);

beforeAll(async () => {
  certificates = temporaryFolder("certificates");
  for (const folder of [file("."), file("strangers")]) {
    const script = join(import.meta.dirname, "../../scripts/dev-certs.sh");
    const { code, stderr } = await runToEnd(script, [folder]);
    if (code !== 0) throw new Error(stderr);
  }
  writeFileSync(file("clients"), "# old and new\nclient-token-0123456789\nanother-0123456789abc\n");
  writeFileSync(file("nodes"), "nodes-token-0123456789\n");
  writeFileSync(file("wrong"), "wrong-token-0123456789\n");
});
afterAll(() => certificates.remove());

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

interface Secured {
  readonly cluster: TestCluster;
  readonly endpoint: string;
  readonly cacheEndpoint: string;
  /** Runs Python with `env` beside what names the cluster. */
  readonly python: (
    source: string,
    env: NodeJS.ProcessEnv,
    client?: "ours" | "published",
  ) => Promise<string>;
}

async function secured(
  security?: object,
  more: { readonly environment?: object; readonly host?: string } = {},
): Promise<Secured> {
  const { environment, host = "127.0.0.1" } = more;
  const port = await freePorts(3);
  const endpoint = `https://${host}:${port}`;
  const cacheEndpoint = `grpcs://${host}:${port + 2}`;
  const tls = {
    cert_file: file("server.crt"),
    key_file: file("server.key"),
    ca_file: file("ca.crt"),
  };
  const started = await startCluster({
    config: {
      cluster: {
        endpoint,
        tls,
        ...(security && { security }),
        ...(environment && { executors: { environment } }),
      },
      cache: { endpoint: cacheEndpoint, tls },
    },
  });
  cluster = started;
  return {
    cluster: started,
    endpoint,
    cacheEndpoint,
    python: async (source, env, client = "ours") => {
      const own = { FLAME_ENDPOINT: endpoint, FLAME_CACHE_ENDPOINT: cacheEndpoint, ...env };
      const lines = Object.entries(own).map(
        ([name, value]) => `os.environ[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
      );
      const { code, stdout, stderr } = await started.python(
        `import os\n${lines.join("\n")}\n${source}`,
        client,
      );
      if (code !== 0) throw new Error(stderr);
      return stdout;
    },
  };
}

/** A task, a function on flmrun (whose service is a client of the object cache), an object there and back. */
const ourRound = `
import flamepy
with flamepy.create_session("flmping") as ssn:
    assert ssn.invoke(b"{}") is not None
def sum(a, b): return a + b
with flamepy.create_session("flmrun", flamepy.RunnerContext(execution_object=sum)) as ssn:
    big = ssn.invoke(flamepy.RunnerRequest(method=None, args=("x" * 300000, "y")))
    assert len(big.get()) == 300001
    print(ssn.invoke(flamepy.RunnerRequest(method=None, args=(1, 2))).get())
ref = flamepy.put_object("app/ssn", [1, 2])
print(flamepy.get_object(ref), ref.endpoint)
`;

const environmentOfTask = `
import flamepy, os
def look(): return dict(os.environ)
with flamepy.create_session("flmrun", look) as ssn: print(ssn())
`;

describe("a cluster with TLS", () => {
  it("serves our clients, its own nodes and the services on them, by address and by name", async () => {
    const { endpoint, cacheEndpoint, python } = await secured();
    const caFile = file("ca.crt");
    const named = endpoint.replace("127.0.0.1", "localhost");
    for (const address of [endpoint, named]) {
      using client = new FlameClient({ endpoint: address, caFile });
      await waitFor("a node", async () => (await client.listNodes()).length === 1);
    }
    await expect(roundTrip({ endpoint: cacheEndpoint, caFile })).resolves.toBe("bytes");
    expect(await python(ourRound, { FLAME_CA_FILE: caFile })).toBe(expectedOf(cacheEndpoint));
    // Roots as the system's would be.
    expect(await python(ourRound, { SSL_CERT_FILE: caFile })).toBe(expectedOf(cacheEndpoint));
  });

  it("serves the published client, and its Runner on flmrun", async () => {
    const { endpoint, cacheEndpoint, python } = await secured();
    const source = `
import flamepy
from flamepy.core import put_object, get_object
assert flamepy.__version__ == "0.6.0", flamepy.__version__
ssn = flamepy.create_session("flmping")
assert ssn.invoke(b"{}") is not None
ssn.close()
ref = put_object("app/ssn", [1, 2])
print(3)
print(get_object(ref), ref.endpoint)
`;
    const contexts = [
      {
        name: "tls",
        cluster: { endpoint, tls: { ca_file: file("ca.crt") } },
        cache: { endpoint: cacheEndpoint, tls: { ca_file: file("ca.crt") } },
      },
    ];
    const home = file("published-home");
    mkdirSync(join(home, ".flame"), { recursive: true });
    const written = { "current-context": "tls", contexts };
    writeFileSync(join(home, ".flame/flame.yaml"), JSON.stringify(written));
    expect(await python(source, { HOME: home }, "published")).toBe(expectedOf(cacheEndpoint));
    // Its Runner: a package through the object cache, and services of flmrun that are clients of it themselves.
    const args = ["-m", "flamepy.runner.e2e", "--json", "--name", "self-check"];
    const ended = await runToEnd(pythons.published, args, {
      env: {
        ...cluster?.env,
        HOME: home,
        FLAME_ENDPOINT: endpoint,
        FLAME_CACHE_ENDPOINT: cacheEndpoint,
      },
      deadlineMs: 90_000,
    });
    expect({ code: ended.code, stderr: ended.code === 0 ? "" : ended.stderr }).toEqual({
      code: 0,
      stderr: "",
    });
    expect(JSON.parse(ended.stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
      function_results: [0, 1, 4, 9],
      chained_result: 41,
      stateful_result: 6,
    });
  });

  it("is left alone by clients that do not trust it", async () => {
    const { endpoint, cacheEndpoint } = await secured();
    const caFile = file("strangers/ca.crt");
    using client = new FlameClient({ endpoint, caFile });
    await expect(client.listNodes()).rejects.toThrow(/certificate/);
    await expect(roundTrip({ endpoint: cacheEndpoint, caFile })).rejects.toThrow(/certificate/);
  });
});

describe("cluster.security: token", () => {
  it("lets in whoever knows a token, on Frontend, Backend and object cache, and nobody else", async () => {
    const security = {
      clients: "token",
      nodes: "token",
      token_file: file("clients"),
      node_token_file: file("nodes"),
    };
    const { endpoint, cacheEndpoint, python } = await secured(security);
    const caFile = file("ca.crt");
    const env = { FLAME_CA_FILE: caFile, FLAME_TOKEN_FILE: file("clients") };
    using client = new FlameClient({ endpoint, caFile, tokenFile: file("clients") });
    await waitFor("a node", async () => (await client.listNodes()).length === 1);
    expect(await python(ourRound, env)).toBe(expectedOf(cacheEndpoint));
    for (const tokenFile of [undefined, file("wrong"), file("nodes")]) {
      using other = new FlameClient({ endpoint, caFile, tokenFile });
      await expect(other.listNodes()).rejects.toMatchObject({ code: "unauthenticated" });
      const put = roundTrip({ endpoint: cacheEndpoint, caFile, tokenFile });
      await expect(put).rejects.toMatchObject({ code: "unauthenticated" });
      await expect(callBackend(endpoint, { caFile, tokenFile })).rejects.toThrow(
        tokenFile === file("nodes") ? "node is missing" : "token",
      );
    }
    await expect(python(ourRound, { FLAME_CA_FILE: caFile })).rejects.toThrow("a token is needed");
    // What a task is given: a client's token, and nothing of the node's.
    const given = await python(environmentOfTask, env);
    expect(given).toContain(file("clients"));
    expect(given).not.toContain(file("nodes"));
    expect(given).not.toContain(readFileSync(file("nodes"), "utf8").trim());
  });
});

describe("cluster.security: mtls", () => {
  it("lets in whoever has a certificate of the authority, on Frontend, Backend and object cache", async () => {
    const { endpoint, cacheEndpoint, python } = await secured(
      { clients: "mtls", nodes: "mtls" },
      // What shows that a daemon is a node is not handed on to services.
      {
        environment: { FLAME_CERT_FILE: file("client.crt"), FLAME_KEY_FILE: file("client.key") },
      },
    );
    const caFile = file("ca.crt");
    const own = { certFile: file("client.crt"), keyFile: file("client.key") };
    using client = new FlameClient({ endpoint, caFile, ...own });
    await waitFor("a node", async () => (await client.listNodes()).length === 1);
    const env = {
      FLAME_CA_FILE: caFile,
      FLAME_CERT_FILE: own.certFile,
      FLAME_KEY_FILE: own.keyFile,
    };
    expect(await python(ourRound, env)).toBe(expectedOf(cacheEndpoint));
    const stranger = {
      certFile: file("strangers/client.crt"),
      keyFile: file("strangers/client.key"),
    };
    for (const shown of [{}, stranger]) {
      using other = new FlameClient({ endpoint, caFile, ...shown });
      await expect(other.listNodes()).rejects.toMatchObject({ code: "unauthenticated" });
      const put = roundTrip({ endpoint: cacheEndpoint, caFile, ...shown });
      await expect(put).rejects.toMatchObject({ code: "unauthenticated" });
      await expect(callBackend(endpoint, { caFile, ...shown })).rejects.toThrow("certificate");
    }
  });
});

function expectedOf(cacheEndpoint: string): string {
  return `3\n[1, 2] ${cacheEndpoint.replace("grpcs", "grpc+tls")}\n`;
}

async function roundTrip(options: ObjectClientOptions): Promise<string> {
  const client = new ObjectClient(options);
  try {
    return (await client.get(await client.put("app/ssn", Buffer.from("bytes")))).toString();
  } finally {
    client.close();
  }
}

/** A call of the Backend that is refused for what is in it, if for nothing else. */
async function callBackend(endpoint: string, credentials: ClientCredentials): Promise<void> {
  const clusterEndpoint = parseEndpoint(endpoint, ["https"], 8080);
  const backend = new BackendClient(
    { clock: systemClock, logger: silentLogger },
    { clusterEndpoint, ...credentials },
  );
  const stop = new AbortController();
  try {
    await backend.registerNode({ node: undefined, executors: [] }, stop.signal);
  } finally {
    backend.close();
  }
}
