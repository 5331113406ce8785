import type {
  CallKind,
  CommandKind,
  CommandTable,
  Push,
  Reply,
  StreamKind,
} from "../../core/commands.ts";
import type { Token } from "../../kit/turn.ts";
import type { FlameError } from "../../model/errors.ts";

/** Where the messages of a stream go. */
export interface StreamSink<P> {
  push(value: P): void;
  /**
   * Takes what is not on disk yet, and may never be.
   * @returns false: it cannot go now, and is to come again by `push` when all before it has
   */
  pushEarly?(value: P): boolean;
  /** Without an error: a clean end. */
  end(error?: FlameError): void;
}

/** A call or stream that waits inside the machine. */
export interface Pending {
  readonly token: Token;
  /** Tells the machine that nobody waits any more. */
  cancel(): void;
}

/** Where the effects for one caller go. The door that made it has checked that what comes is of its command's types. */
export interface Answers {
  readonly reply: (value: unknown) => void;
  readonly fail: (error: FlameError) => void;
  /** Told of a reply that is not on disk yet, and may never be, before what goes early leaves; only where something does. */
  readonly foresee?: (value: unknown) => void;
  readonly sink?: StreamSink<unknown>;
}

/** Ways to ask the machine. */
export abstract class EngineDoor {
  protected abstract submit(kind: CommandKind, input: unknown, waiter: Answers): Pending;

  /** Asks, and waits for the reply. @throws FlameError as the command's rule says. */
  ask<K extends CallKind>(kind: K, input: CommandTable[K]["input"]): Promise<Reply<K>> {
    return new Promise((resolve, reject) => {
      this.call(kind, input, resolve, reject);
    });
  }

  /**
   * Asks with callbacks: for calls that may wait long and whose caller may go away.
   * @param foresee see {@link Answers}
   */
  call<K extends CallKind>(
    kind: K,
    input: CommandTable[K]["input"],
    reply: (value: Reply<K>) => void,
    fail: (error: FlameError) => void,
    foresee?: (value: Reply<K>) => void,
  ): Pending {
    return this.submit(kind, input, {
      reply: reply as Answers["reply"],
      fail,
      ...(foresee !== undefined && { foresee: foresee as Answers["reply"] }),
    });
  }

  /** Opens a stream; a failure of the command itself ends the sink with it. */
  stream<K extends StreamKind>(
    kind: K,
    input: CommandTable[K]["input"],
    sink: StreamSink<Push<K>>,
  ): Pending {
    const fail = (error: FlameError): void => {
      sink.end(error);
    };
    return this.submit(kind, input, {
      reply: () => undefined,
      fail,
      sink: sink,
    });
  }
}

/** The door of one client. */
export class ClientDoor extends EngineDoor {
  protected readonly submit: EngineDoor["submit"];

  constructor(submit: EngineDoor["submit"]) {
    super();
    this.submit = submit;
  }
}
