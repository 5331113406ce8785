import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  LaneEnd,
  Result,
  SubmitAcknowledgement,
  SubmitRefusal,
} from "./generated/flame/stream/v1/clients.ts";

/** A result as it came: what is looked at of every one is read, the rest when it is wanted. */
export class IncomingResult {
  /** The number of the submit, less that of the first of its group. */
  offset = 0;
  state = 0;
  outputBytes = 0;
  elsewhere = false;
  lost: string | undefined;
  readonly #bytes: Uint8Array;

  /** @param reader stands at a result that ends at `end` */
  constructor(reader: BinaryReader, bytes: Uint8Array, end: number) {
    this.#bytes = bytes.subarray(reader.pos, end);
    while (reader.pos < end) {
      const from = reader.pos;
      const tag = reader.uint32();
      if (tag === 8) this.offset = reader.uint32();
      else if (tag === 16) this.state = reader.int32();
      else if (tag === 26) {
        this.outputBytes = reader.uint32();
        passOver(reader, this.outputBytes);
      } else if (tag === 32) this.elsewhere = reader.bool();
      // Events and times.
      else if (tag === 58) passOver(reader, reader.uint32());
      else if (tag === 41 || tag === 49) passOver(reader, 8);
      else if (tag === 66) this.lost = reader.string();
      else skip(reader, from);
    }
  }

  /** All of it. */
  read(): Result {
    return Result.decode(this.#bytes);
  }
}

/** Results of a lane. */
export interface IncomingResults {
  lane: number;
  /** The lowest number in it. */
  first: number;
  readonly results: IncomingResult[];
}

/** A TasksResponse of `flame.stream.v1` as a client reads it. */
export interface IncomingTasks {
  readonly acknowledgements: SubmitAcknowledgement[];
  readonly refusals: SubmitRefusal[];
  readonly results: IncomingResults[];
  readonly ends: LaneEnd[];
}

/** Reads a TasksResponse, without what a client may never look at: half of what a task costs a client was that. */
export function readIncomingTasks(bytes: Uint8Array): IncomingTasks {
  const reader = new BinaryReader(bytes);
  const tasks: IncomingTasks = { acknowledgements: [], refusals: [], results: [], ends: [] };
  while (reader.pos < reader.len) {
    const from = reader.pos;
    const tag = reader.uint32();
    if (tag === 10)
      tasks.acknowledgements.push(SubmitAcknowledgement.decode(reader, reader.uint32()));
    else if (tag === 18) tasks.refusals.push(SubmitRefusal.decode(reader, reader.uint32()));
    else if (tag === 26) tasks.results.push(readResults(reader, bytes));
    else if (tag === 34) tasks.ends.push(LaneEnd.decode(reader, reader.uint32()));
    else skip(reader, from);
  }
  return tasks;
}

function readResults(reader: BinaryReader, bytes: Uint8Array): IncomingResults {
  const group: IncomingResults = { lane: 0, first: 0, results: [] };
  const length = reader.uint32();
  const end = reader.pos + length;
  while (reader.pos < end) {
    const from = reader.pos;
    const tag = reader.uint32();
    if (tag === 8) group.lane = reader.uint32();
    else if (tag === 16) group.first = Number(reader.uint64());
    else if (tag === 26) {
      const size = reader.uint32();
      group.results.push(new IncomingResult(reader, bytes, reader.pos + size));
    } else skip(reader, from);
  }
  return group;
}

function passOver(reader: BinaryReader, bytes: number): void {
  reader.pos += bytes;
}

/** Passes over a field of a later version. @param from where its tag is */
function skip(reader: BinaryReader, from: number): void {
  reader.pos = from;
  const [number, type] = reader.tag();
  reader.skip(type, number);
}
