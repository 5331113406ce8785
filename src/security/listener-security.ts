import type { Socket } from "node:net";
import { userInfo } from "node:os";
import type { SecureContextOptions } from "node:tls";
import { ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import type { Access, RoleBinding, TlsFiles } from "../config/cluster-config.ts";
import type { Timer } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";
import type { Role } from "../model/role.ts";
import { authenticating, byCertificate, byToken } from "./authentication.ts";
import { tellsOwners } from "./connection-owners.ts";
import { LocalUsers } from "./local-users.ts";
import { looseFile } from "./loose-file.ts";
import { type Reread, type RereadDeps, rereadOnChange } from "./reread.ts";
import { RoleBindings } from "./role-bindings.ts";
import { SameUser } from "./same-user.ts";
import { readTlsFiles, type TlsMaterial } from "./tls-files.ts";
import { TokenConnections } from "./token-connections.ts";
import { type KnownTokens, readTokenFile } from "./token-file.ts";

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
  /** From now on reads files again that change, and ends connections whose token is no more. */
  readonly watch: (deps: RereadDeps) => Timer;
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
  const { access, tlsKey } = options;
  const files = filesOf(options);
  const credentials = files.tls ?? ServerCredentials.createInsecure();
  const warnings = looseFiles(options);
  const common = { credentials, watch: watching(files.rereads), warnings, notes: [] };
  switch (access) {
    case "open": {
      const meaning = meaningOfOpen(options.accessKey);
      return isRoot()
        ? { ...common, interceptors: [], warnings: [...warnings, meaning] }
        : { ...common, interceptors: [], notes: [meaning] };
    }
    case "same-user": {
      const { connected, authenticate } = sameUser(options);
      return { ...common, interceptors: [authenticating(authenticate)], connected };
    }
    case "token":
      return { ...common, ...byTokens(options, files.rereads, warnings) };
    case "mtls":
      if (options.tls?.caFile === undefined) throw missing(`${tlsKey}.ca_file`, access);
      return {
        ...common,
        interceptors: [authenticating(byCertificate(bindingsOf(options)))],
        notes: options.roles === undefined ? [meaningOfMtls(options.accessKey)] : [],
      };
  }
}

/** The certificate of a listener, and what reads it again. */
function filesOf(options: ListenerSecurityOptions): {
  readonly tls: FileCredentials | undefined;
  readonly rereads: readonly Reread[];
} {
  const { tls, tlsKey, access } = options;
  if (tls === undefined) return { tls: undefined, rereads: [] };
  const material = (): TlsMaterial => readTlsFiles(tls, tlsKey, options.now());
  const credentials = new FileCredentials(material(), access === "mtls");
  const use = (): string[] => {
    const warnings = looseKey(options);
    credentials.renew(material());
    return warnings;
  };
  const files = [tls.certFile, tls.keyFile, ...(tls.caFile === undefined ? [] : [tls.caFile])];
  return { tls: credentials, rereads: [{ key: tlsKey, files, use }] };
}

function byTokens(
  options: ListenerSecurityOptions,
  others: readonly Reread[],
  warnings: readonly string[],
): Pick<ListenerSecurity, "interceptors" | "connected" | "watch" | "warnings"> {
  const { tokenFile, tokenKey, roles, now } = options;
  if (tokenFile === undefined) throw missing(tokenKey, options.access);
  const bindings = new RoleBindings(roles);
  const read = (): KnownTokens =>
    readTokenFile({
      file: tokenFile,
      key: tokenKey,
      now,
      hasRoles: (name) => bindings.of(name).length > 0,
      defaultRoles: options.defaultRoles ?? (roles === undefined ? "all" : []),
    });
  let known = read();
  const use = (): string[] => {
    const loose = looseToken(options);
    known = read();
    return [...loose, ...known.warnings];
  };
  const connections = new TokenConnections();
  const rereads = [...others, { key: tokenKey, files: [tokenFile], use }];
  return {
    interceptors: [authenticating(byToken(() => known, bindings, connections))],
    connected: connections.connected,
    watch: watching(rereads, () => connections.without((mark) => known.holds(mark))),
    warnings: [...warnings, ...known.warnings],
  };
}

/** @param over the connections that are to end now */
function watching(
  files: readonly Reread[],
  over: () => readonly string[] = () => [],
): ListenerSecurity["watch"] {
  if (files.length === 0) return () => ({ cancel: () => undefined });
  return (deps) =>
    rereadOnChange(files, deps, () => {
      for (const key of over()) {
        deps.logger.info(
          { connection: key },
          "a connection was ended: its token was removed, changed or has expired",
        );
        deps.cut(key);
      }
    });
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
function looseFiles(options: ListenerSecurityOptions): string[] {
  return [...looseKey(options), ...(options.access === "token" ? looseToken(options) : [])];
}

function looseKey({ tls, tlsKey }: ListenerSecurityOptions): string[] {
  const warning = tls && looseFile(tls.keyFile, "the key", `${tlsKey}.key_file`);
  return warning === undefined ? [] : [warning];
}

function looseToken({ tokenFile, tokenKey }: ListenerSecurityOptions): string[] {
  const warning = tokenFile && looseFile(tokenFile, "the token", tokenKey);
  return warning === undefined || warning === "" ? [] : [warning];
}

function missing(key: string, access: Access): FlameError {
  return new FlameError("invalid_config", `${key} is missing: cluster.security says ${access}`);
}

/**
 * TLS whose certificate can be renewed. One that asks for a client's certificate lets the call be refused instead of the
 * connection: a client then reads UNAUTHENTICATED and why, where the library's own credentials just hang up.
 */
class FileCredentials extends ServerCredentials {
  constructor(material: TlsMaterial, asks: boolean) {
    super({ requestCert: asks, rejectUnauthorized: false }, contextOf(material));
  }

  /** For connections to come. */
  renew(material: TlsMaterial): void {
    this.updateSecureContextOptions(contextOf(material));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ certificate, key, authorities }: TlsMaterial): SecureContextOptions {
  return { cert: [certificate], key: [key], ...(authorities !== undefined && { ca: authorities }) };
}
