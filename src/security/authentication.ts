import type { PeerCertificate } from "node:tls";
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status,
} from "@grpc/grpc-js";
import type { ConnectionEnds } from "../kit/connection-ends.ts";
import type { Caller } from "../model/caller.ts";
import type { TokenCheck } from "./token-file.ts";

/** Whom a call is from, as far as it can be told; a string says why it is not accepted. */
export type Authenticate = (call: Presented) => Pick<Caller, "name" | "authenticatedBy"> | string;

/** What a call brings along to show whom it is from. */
export interface Presented {
  readonly metadata: Metadata;
  /** Of a client whose certificate one of the trusted authorities signed. */
  readonly certificate: PeerCertificate | undefined;
  /** Of its connection. */
  readonly ends: ConnectionEnds;
}

/** Probes carry neither token nor certificate, and learn nothing but whether the listener serves. */
const openToAll = /^\/grpc\.health\.v1\.Health\//;
const bearer = /^Bearer +(\S+)$/i;

/** Accepted callers by the metadata of their call, which belongs to one call alone. */
const callers = new WeakMap<Metadata, Pick<Caller, "name" | "authenticatedBy">>();

/** Accepts whoever sends `authorization: Bearer TOKEN` with a known token. */
export function byToken(known: TokenCheck): Authenticate {
  return ({ metadata }) => {
    const [sent] = metadata.get("authorization");
    if (sent === undefined) {
      return "a token is needed here: clients name it by token_file in their configuration or FLAME_TOKEN_FILE";
    }
    const token = bearer.exec(String(sent))?.[1];
    if (token === undefined) return 'authorization has to be "Bearer TOKEN"';
    return known(token)
      ? { name: "token", authenticatedBy: "token" }
      : "the token is not one that is accepted here";
  };
}

/** Accepts whoever has a certificate of the trusted authority; its subject names the caller. */
export const byCertificate: Authenticate = ({ certificate }) => {
  if (certificate === undefined) {
    return "a certificate of the cluster's authority is needed here: clients name it by cert_file and key_file in their configuration, or FLAME_CERT_FILE and FLAME_KEY_FILE";
  }
  return { name: subjectOf(certificate), authenticatedBy: "mtls" };
};

/** Refuses calls with UNAUTHENTICATED before their handler sees them. Health checks are open to all. */
export function authenticating(authenticate: Authenticate): ServerInterceptor {
  return ({ path }, call) => {
    if (openToAll.test(path)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            const certificate = call.getAuthContext().sslPeerCertificate;
            const caller = authenticate({ metadata, certificate, ends: call.getConnectionInfo() });
            if (typeof caller === "string") {
              refuse(call, caller);
              return;
            }
            callers.set(metadata, caller);
            pass(metadata);
          },
        });
      },
    });
  };
}

/** Who calls: `anonymous` where the listener is open. */
export function callerOf(call: { readonly metadata: Metadata; getPeer(): string }): Caller {
  const known = callers.get(call.metadata) ?? { name: "anonymous", authenticatedBy: "open" };
  return { ...known, from: call.getPeer() };
}

function refuse(call: ServerInterceptingCallInterface, details: string): void {
  call.sendStatus({ code: status.UNAUTHENTICATED, details, metadata: new Metadata() });
}

/** `CN=alice,O=team`: the parts in the certificate's order. */
function subjectOf({ subject }: PeerCertificate): string {
  return Object.entries(subject)
    .map(([part, value]) => `${part}=${[value].flat().join("+")}`)
    .join(",");
}
