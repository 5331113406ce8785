import type { PeerCertificate } from "node:tls";
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from "@grpc/grpc-js";
import type { ConnectionEnds } from "../kit/connection-ends.ts";
import type { Caller, Identity } from "../model/caller.ts";
import { headerText } from "../protocol/grpc-errors.ts";
import type { RoleBindings } from "./role-bindings.ts";
import { refusalOf } from "./role-check.ts";
import { accessOf } from "./rpc-access.ts";
import type { TokenConnections } from "./token-connections.ts";
import type { KnownTokens } from "./token-file.ts";

/** Whom a call is from, as far as it can be told; a string says why it is not accepted. */
export type Authenticate = (call: Presented) => Accepted | string;

/** A caller who gets through: all but where it calls from. */
type Accepted = Omit<Caller, "from">;

/** What a call brings along to show whom it is from. */
export interface Presented {
  readonly metadata: Metadata;
  /** Of a client whose certificate one of the trusted authorities signed. */
  readonly certificate: PeerCertificate | undefined;
  /** Of its connection. */
  readonly ends: ConnectionEnds;
}

const bearer = /^Bearer +(\S+)$/i;

/** Accepted callers by the metadata of their call, which belongs to one call alone. */
const callers = new WeakMap<Metadata, Accepted>();

/**
 * Accepts whoever sends `authorization: Bearer TOKEN` with a known token. Its roles: those of its line and of its name.
 * @param known what the token file says now
 */
export function byToken(
  known: () => KnownTokens,
  bindings: RoleBindings,
  connections: TokenConnections,
): Authenticate {
  return ({ metadata, ends }) => {
    const [sent] = metadata.get("authorization");
    if (sent === undefined) {
      return "a token is needed here: clients name it by token_file in their configuration or FLAME_TOKEN_FILE";
    }
    const token = bearer.exec(String(sent))?.[1];
    if (token === undefined) return 'authorization has to be "Bearer TOKEN"';
    const owner = known().ownerOf(token);
    if (owner === undefined) return "the token is not one that is accepted here";
    if (typeof owner === "string") return owner;
    const { name, identity, mark, grants } = owner;
    connections.accepted(ends, mark);
    return {
      name,
      authenticatedBy: "token",
      identity,
      ...(grants !== undefined && { grants: [...grants, ...bindings.of(name)] }),
    };
  };
}

/**
 * Accepts whoever has a certificate of the trusted authority; its subject names the caller.
 * @param bindings undefined: the configuration says nothing of roles, so that each has all
 */
export function byCertificate(bindings: RoleBindings | undefined): Authenticate {
  return ({ certificate }) => {
    if (certificate === undefined) {
      return "a certificate of the cluster's authority is needed here: clients name it by cert_file and key_file in their configuration, or FLAME_CERT_FILE and FLAME_KEY_FILE";
    }
    const name = subjectOf(certificate);
    const identity = { id: `${certificateMark}${name}`, accepts: isOfCertificate };
    const grants = bindings?.of(name);
    return { name, authenticatedBy: "mtls", identity, ...(grants !== undefined && { grants }) };
  };
}

const certificateMark = "certificate ";
const isOfCertificate = (id: string): boolean => id.startsWith(certificateMark);

/**
 * Refuses calls before their handler sees them: with UNAUTHENTICATED whose caller is not accepted, with PERMISSION_DENIED
 * whose caller has no role for them. Health checks are open to all.
 */
export function authenticating(authenticate: Authenticate): ServerInterceptor {
  return ({ path }, call) => {
    if (accessOf(path)?.roles === "anyone") return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            const certificate = call.getAuthContext().sslPeerCertificate;
            const caller = authenticate({ metadata, certificate, ends: call.getConnectionInfo() });
            if (typeof caller === "string") {
              refuse(call, status.UNAUTHENTICATED, caller);
              return;
            }
            callers.set(metadata, caller);
            const refusal = refusalOf(caller, path);
            if (refusal === undefined) pass(metadata);
            else refuse(call, status.PERMISSION_DENIED, refusal.message);
          },
        });
      },
    });
  };
}

/** Who calls: `anonymous` where the listener is open. */
export function callerOf(call: { readonly metadata: Metadata; getPeer(): string }): Caller {
  return { ...(callers.get(call.metadata) ?? anybody), from: call.getPeer() };
}

const anybody: Accepted = { name: "anonymous", authenticatedBy: "open" };

/** What the caller has proved to be; undefined where nobody is asked to. */
export function identityOf(call: { readonly metadata: Metadata }): Identity | undefined {
  return callers.get(call.metadata)?.identity;
}

function refuse(call: ServerInterceptingCallInterface, code: status, text: string): void {
  call.sendStatus({ code, details: headerText(text), metadata: new Metadata() });
}

/** As much of a certificate as names its owner; one of subject alternative names may have no subject. */
interface Named extends Pick<PeerCertificate, "fingerprint256"> {
  readonly subject?: Partial<PeerCertificate["subject"]>;
}

/**
 * `CN=alice,O=team`: the parts in the certificate's order. What separates them is escaped in a value, so that no two
 * subjects read alike; a certificate without a subject is named by its fingerprint.
 */
function subjectOf({ subject = {}, fingerprint256 }: Named): string {
  const told = Object.entries(subject).map(([part, value]) => {
    const values = [value ?? ""].flat().map((text) => text.replace(/[\\,+=]/g, String.raw`\$&`));
    return `${part}=${values.join("+")}`;
  });
  return told.length === 0 ? `fingerprint ${fingerprint256}` : told.join(",");
}
