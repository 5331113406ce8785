import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";

type Listener = Parameters<ServerInterceptingCall["start"]>[0];
type Status = Parameters<ServerInterceptingCall["sendStatus"]>[0];

const nothing = (): void => undefined;
const ok: Status = { code: status.OK, details: "OK", metadata: null };

/** Calls by their metadata, which belong to one call alone. */
const calls = new WeakMap<Metadata, PromptCall>();

/** Lets the only reply of a call leave together with its status, and the last one of a stream by {@link sendLast}. */
export const lastMessageWithStatus: ServerInterceptor = ({ responseStream }, call) =>
  new PromptCall(call, responseStream);

/** What is needed of a stream of replies. */
export type ReplyStream<Reply> = Pick<
  ServerWritableStream<unknown, Reply>,
  "metadata" | "write" | "end"
>;

/**
 * Ends a stream of replies well, its last message and its status in one write: a client that drops the stream at that
 * message has seen its end then, and need not reset it. Everything written before has to be taken.
 * @param taken is called when the client has taken the message.
 */
export function sendLast<Reply>(
  call: ReplyStream<Reply>,
  message: Reply,
  taken: () => void = nothing,
): void {
  const prompt = calls.get(call.metadata);
  if (prompt !== undefined) {
    prompt.sendLast(message, taken);
    return;
  }
  call.write(message, taken);
  call.end();
}

class PromptCall extends ServerInterceptingCall {
  readonly #responseStream: boolean;
  #only: { readonly message: unknown } | undefined;

  constructor(next: ConstructorParameters<typeof ServerInterceptingCall>[0], stream: boolean) {
    super(next);
    this.#responseStream = stream;
  }

  override start(listener: Listener): void {
    super.start({
      onReceiveMetadata: (metadata) => {
        calls.set(metadata, this);
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (message: unknown) => {
        listener.onReceiveMessage(message);
      },
      onReceiveHalfClose: () => {
        listener.onReceiveHalfClose();
      },
      onCancel: () => {
        listener.onCancel();
      },
    });
  }

  /** The only reply of a call waits for the status, which the library sends as soon as it is told that the reply left. */
  override sendMessage(message: unknown, callback: () => void): void {
    if (this.#responseStream) {
      super.sendMessage(message, callback);
      return;
    }
    this.#only = { message };
    callback();
  }

  override sendStatus(sent: Status): void {
    const only = this.#only;
    this.#only = undefined;
    if (only !== undefined) super.sendMessage(only.message, nothing);
    super.sendStatus(sent);
  }

  sendLast(message: unknown, taken: () => void): void {
    super.sendMessage(message, taken);
    super.sendStatus(ok);
  }
}
