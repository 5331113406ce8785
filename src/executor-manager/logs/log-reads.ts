import { textOf } from "../../kit/thrown.ts";
import { type ServiceLines, SessionLogFiles } from "../../process/session-log-files.ts";
import type {
  LogPiece,
  ReadAnswer,
  ReadOrder,
} from "../../protocol/generated/flame/logs/v1/node_logs.ts";

/** An answer that has so many bytes is complete. */
const answerBytes = 256 * 1024;
/** Reads that may be open at a time: each holds a file descriptor or two for each executor of its session. */
const readsMax = 64;

/** What one reader wants, in pieces. */
interface Read {
  readonly files: SessionLogFiles;
  /** Undefined between two rounds through the files. */
  round: AsyncGenerator<ServiceLines, void, void> | undefined;
  /** Answers come one after the other. */
  busy: Promise<unknown>;
}

/** Reads the files of services for a session manager, a piece for each order (docs/protocol.md, "Prints"). */
export class LogReads {
  readonly #flameHome: string;
  readonly #reads = new Map<number, Read>();

  constructor(flameHome: string) {
    this.#flameHome = flameHome;
  }

  /** Never rejects: what fails is told in the answer. */
  answer(order: ReadOrder): Promise<ReadAnswer> {
    const read = this.#reads.get(order.read) ?? this.#begin(order);
    if (read === undefined) {
      const fault = `${readsMax} readers read the logs of this node already, try again later`;
      return Promise.resolve(faulty(order, fault));
    }
    const answer = read.busy.then(() => next(read, order));
    read.busy = answer;
    return answer;
  }

  forget(ids: readonly number[]): void {
    for (const id of ids) {
      const read = this.#reads.get(id);
      this.#reads.delete(id);
      // A file that is being read is closed when that has ended.
      if (read !== undefined) void read.busy.then(() => read.files.close());
    }
  }

  /** Nobody waits for any of them. */
  forgetAll(): void {
    this.forget([...this.#reads.keys()]);
  }

  #begin({ read: id, sessionId, taskId }: ReadOrder): Read | undefined {
    if (this.#reads.size >= readsMax) return undefined;
    const files = new SessionLogFiles(this.#flameHome, sessionId, taskId);
    const read = { files, round: undefined, busy: Promise.resolve() };
    this.#reads.set(id, read);
    return read;
  }
}

async function next(read: Read, order: ReadOrder): Promise<ReadAnswer> {
  const pieces: LogPiece[] = [];
  try {
    read.round ??= read.files.read(order.last);
    for (let bytes = 0; bytes < answerBytes; ) {
      const { done, value } = await read.round.next();
      if (done === true) {
        read.round = undefined;
        break;
      }
      bytes += value.data.length;
      pieces.push(value);
    }
    const over = read.round === undefined;
    return { read: order.read, pieces, over, found: read.files.found, fault: undefined };
  } catch (thrown) {
    return faulty(order, textOf(thrown));
  }
}

function faulty({ read }: ReadOrder, fault: string): ReadAnswer {
  return { read, pieces: [], over: true, found: false, fault };
}
