import type { Socket } from "node:net";
import { userInfo } from "node:os";
import { ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import type { Access, RoleBinding, TlsFiles } from "../config/cluster-config.ts";
import { FlameError } from "../model/errors.ts";
import type { Role } from "../model/role.ts";
import { authenticating, byCertificate, byToken } from "./authentication.ts";
import { tellsOwners } from "./connection-owners.ts";
import { LocalUsers } from "./local-users.ts";
import { looseFile } from "./loose-file.ts";
import { RoleBindings } from "./role-bindings.ts";
import { SameUser } from "./same-user.ts";
import { readTlsFiles, type TlsMaterial } from "./tls-files.ts";
import { readTokenFile } from "./token-file.ts";

/** What the configuration says about one listener. */
export interface ListenerSecurityOptions {
  readonly access: Access;
  /** Undefined: plaintext. */
  readonly tls: TlsFiles | undefined;
  /** `cluster.tls` or `cache.tls`, for errors. */
  readonly tlsKey: string;
  /** `cluster.security.clients` or `cluster.security.nodes`, for texts. */
  readonly accessKey: string;
  /** Whose calls are accepted when `access` is `same-user`, beside the daemon's own user and root. */
  readonly users: readonly (string | number)[];
  /** Tokens that are accepted when `access` is `token`. */
  readonly tokenFile: string | undefined;
  /** The key that names `tokenFile`, for errors. */
  readonly tokenKey: string;
  /** `cluster.security.roles`; undefined: every certificate, and every token whose line says no role, has all of them. */
  readonly roles: readonly RoleBinding[] | undefined;
  /** What names of `tokenFile` have whose line says no role. @default what `roles` says */
  readonly defaultRoles?: readonly Role[];
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** How a listener is bound, and who gets through to its services. */
export interface ListenerSecurity {
  readonly credentials: ServerCredentials;
  readonly interceptors: ServerInterceptor[];
  /** To be told of each connection, before anything of it is read. */
  readonly connected?: (socket: Socket) => void;
  /** To log once: files with secrets that others of this machine may use; a listener of root's that is open. */
  readonly warnings: readonly string[];
  /** To log once: what the choice means. */
  readonly notes: readonly string[];
}

/**
 * Reads certificates and tokens of a listener (docs/security.md).
 * @throws FlameError invalid_config naming file and key for what is missing or unusable.
 */
export function listenerSecurity(options: ListenerSecurityOptions): ListenerSecurity {
  const { access, tls, tlsKey } = options;
  const material = tls && readTlsFiles(tls, tlsKey, options.now());
  const warnings = looseFiles(options);
  const notes: readonly string[] = [];
  switch (access) {
    case "open": {
      const credentials = serverCredentials(material);
      const meaning = meaningOfOpen(options.accessKey);
      return isRoot()
        ? { credentials, interceptors: [], warnings: [...warnings, meaning], notes }
        : { credentials, interceptors: [], warnings, notes: [meaning] };
    }
    case "same-user": {
      const { connected, authenticate } = sameUser(options);
      const interceptors = [authenticating(authenticate)];
      return { credentials: serverCredentials(material), interceptors, connected, warnings, notes };
    }
    case "token": {
      if (options.tokenFile === undefined) throw missing(options.tokenKey, access);
      const bindings = new RoleBindings(options.roles);
      const known = readTokenFile({
        file: options.tokenFile,
        key: options.tokenKey,
        now: options.now,
        hasRoles: (name) => bindings.of(name).length > 0,
        defaultRoles: options.defaultRoles ?? (options.roles === undefined ? "all" : []),
      });
      return {
        credentials: serverCredentials(material),
        interceptors: [authenticating(byToken(known, bindings))],
        warnings: [...warnings, ...known.warnings],
        notes,
      };
    }
    case "mtls":
      if (material?.authorities === undefined) throw missing(`${tlsKey}.ca_file`, access);
      return {
        credentials: new AskingCredentials(material, material.authorities),
        interceptors: [authenticating(byCertificate(bindingsOf(options)))],
        warnings,
        notes: options.roles === undefined ? [meaningOfMtls(options.accessKey)] : notes,
      };
  }
}

const bindingsOf = ({ roles }: ListenerSecurityOptions): RoleBindings | undefined =>
  roles && new RoleBindings(roles);

const meaningOfMtls = (key: string): string =>
  `${key} is mtls, and cluster.security.roles is absent: whoever has a certificate may do everything (docs/security.md, 37.2)`;

/** @throws FlameError invalid_config where nothing tells whose a connection is: all calls would be refused */
function sameUser({ accessKey, users }: ListenerSecurityOptions): SameUser {
  if (!tellsOwners()) {
    throw new FlameError(
      "invalid_config",
      `${accessKey} is same-user, the default on loopback, and this system does not say whose connections are (/proc/net/tcp cannot be ` +
        `read): set ${accessKey} to token or mtls, or to open if every user of this machine may run code as this one`,
    );
  }
  return new SameUser({ uid: getuid(), users, known: LocalUsers.read(), key: accessKey });
}

const getuid = (): number => userInfo().uid;
const isRoot = (): boolean => getuid() === 0;

function meaningOfOpen(key: string): string {
  const who = LocalUsers.read().nameOf(getuid());
  return (
    `${key} is open: whoever reaches this address, every user of this machine and whoever a proxy or a published port lets in, ` +
    `runs code as ${who}; same-user, token or mtls close it (docs/security.md)`
  );
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
