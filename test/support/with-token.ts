import { type ClientOptions, InterceptingCall } from "@grpc/grpc-js";

/** Options of a client whose calls show a token. */
export function withToken(token: string): ClientOptions {
  return {
    interceptors: [
      (options, next) =>
        new InterceptingCall(next(options), {
          start: (metadata, listener, go) => {
            metadata.set("authorization", `Bearer ${token}`);
            go(metadata, listener);
          },
        }),
    ],
  };
}
