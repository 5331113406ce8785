import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { FlameClient } from "../../../src/client/index.ts";
import { withToken } from "../../support/with-token.ts";

/** A token that nobody else has. */
export const tokenOf = (name: string): string => `${name}-0123456789abcdef`;

/** The line of {@link tokenOf} in a token file. @param more such as `roles=user` */
export function lineOf(name: string, more: string): string {
  const hash = createHash("sha256").update(tokenOf(name)).digest("hex");
  return `${name} sha256:${hash} ${more}`.trim();
}

/** Writes a token file for its owner alone. @returns its path */
export function writeTokens(folder: string, lines: readonly string[], name = "tokens"): string {
  const file = join(folder, name);
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return file;
}

/** A client with the token of a name. @param folder where its token file may be */
export function clientOf(endpoint: string, name: string, folder: string): FlameClient {
  const tokenFile = join(folder, `${name}.token`);
  writeFileSync(tokenFile, `${tokenOf(name)}\n`, { mode: 0o600 });
  return new FlameClient({ endpoint, tokenFile });
}

interface StreamMethod<Q, A> {
  readonly path: string;
  readonly requestSerialize: (message: Q) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => A;
}

/** Sends one message on a stream of both directions. @returns the first answer that `until` takes, or how the call failed */
export async function firstAnswer<Q, A>(
  address: string,
  name: string,
  { path, requestSerialize, responseDeserialize }: StreamMethod<Q, A>,
  message: Q,
  until: (answer: A) => boolean = () => true,
): Promise<A | ServiceError> {
  const client = new Client(address, credentials.createInsecure(), withToken(tokenOf(name)));
  const deadline = Date.now() + 10_000;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, {
    deadline,
  });
  try {
    return await new Promise<A | ServiceError>((resolve) => {
      call.on("data", (answer: A) => {
        if (until(answer)) resolve(answer);
      });
      call.on("error", (error: ServiceError) => {
        if (error.code !== status.CANCELLED) resolve(error);
      });
      call.write(message);
    });
  } finally {
    call.cancel();
    client.close();
  }
}
