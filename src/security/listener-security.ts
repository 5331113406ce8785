import { ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import type { Access, TlsFiles } from "../config/cluster-config.ts";
import { FlameError } from "../model/errors.ts";
import { authenticating, byCertificate, byToken } from "./authentication.ts";
import { looseFile } from "./loose-file.ts";
import { readTlsFiles, type TlsMaterial } from "./tls-files.ts";
import { readTokenFile } from "./token-file.ts";

/** What the configuration says about one listener. */
export interface ListenerSecurityOptions {
  readonly access: Access;
  /** Undefined: plaintext. */
  readonly tls: TlsFiles | undefined;
  /** `cluster.tls` or `cache.tls`, for errors. */
  readonly tlsKey: string;
  /** Tokens that are accepted when `access` is `token`. */
  readonly tokenFile: string | undefined;
  /** The key that names `tokenFile`, for errors. */
  readonly tokenKey: string;
  /** Unix milliseconds. */
  readonly now: number;
}

/** How a listener is bound, and who gets through to its services. */
export interface ListenerSecurity {
  readonly credentials: ServerCredentials;
  readonly interceptors: ServerInterceptor[];
  /** To log once: files with secrets that others of this machine may use. */
  readonly warnings: readonly string[];
}

/**
 * Reads certificates and tokens of a listener (docs/security.md).
 * @throws FlameError invalid_config naming file and key for what is missing or unusable.
 */
export function listenerSecurity(options: ListenerSecurityOptions): ListenerSecurity {
  const { access, tls, tlsKey } = options;
  const material = tls && readTlsFiles(tls, tlsKey, options.now);
  const warnings = looseFiles(options);
  switch (access) {
    case "open":
      return { credentials: serverCredentials(material), interceptors: [], warnings };
    case "token": {
      if (options.tokenFile === undefined) throw missing(options.tokenKey, access);
      const known = readTokenFile(options.tokenFile, options.tokenKey);
      return {
        credentials: serverCredentials(material),
        interceptors: [authenticating(byToken(known))],
        warnings,
      };
    }
    case "mtls":
      if (material?.authorities === undefined) throw missing(`${tlsKey}.ca_file`, access);
      return {
        credentials: new AskingCredentials(material, material.authorities),
        interceptors: [authenticating(byCertificate)],
        warnings,
      };
  }
}

/** Who only checks certificates reads no token, and who has no key has nothing to keep. */
function looseFiles({
  access,
  tls,
  tlsKey,
  tokenFile,
  tokenKey,
}: ListenerSecurityOptions): string[] {
  const key = tls && looseFile(tls.keyFile, "the key", `${tlsKey}.key_file`);
  const token =
    access === "token" && tokenFile !== undefined
      ? looseFile(tokenFile, "the token", tokenKey)
      : undefined;
  return [key, token].filter((warning) => warning !== undefined);
}

function missing(key: string, access: Access): FlameError {
  return new FlameError("invalid_config", `${key} is missing: cluster.security says ${access}`);
}

function serverCredentials(material: TlsMaterial | undefined): ServerCredentials {
  if (material === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [
    { cert_chain: material.certificate, private_key: material.key },
  ]);
}

/**
 * TLS that asks for a client's certificate and lets the call be refused instead of the connection: a client then
 * reads UNAUTHENTICATED and why, where the library's own credentials just hang up.
 */
class AskingCredentials extends ServerCredentials {
  constructor({ certificate, key }: TlsMaterial, authorities: Buffer) {
    super(
      { requestCert: true, rejectUnauthorized: false },
      { ca: authorities, cert: [certificate], key: [key] },
    );
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
