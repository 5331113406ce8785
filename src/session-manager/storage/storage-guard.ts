import type { Command } from "../../core/commands.ts";
import type { CoreState } from "../../core/state.ts";
import { reserveOf } from "../../files/disk-room.ts";
import type { Clock } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import type { SessionRequest } from "../../model/session.ts";
import type { Store, StoreRoom } from "../../storage/store.ts";

/** What a session, a task or an application takes beside its payload, in bytes. */
const recordBytes = 4_096;

/** Whatever is written goes to the write-ahead log first, and is in the database and the log for a while. */
const copies = 2;

/** Giving back holds commits up for some milliseconds, so it is done no more often. */
const giveBackEveryMs = 1_000;

/** Where so much more than is asked for is free, in bytes, a look is good for a while: looking costs as much as a task. */
const plentyBytes = 256 * 1024 * 1024;
const lookLastsMs = 100;

/** What a look at the storage found. */
interface Found {
  readonly room: StoreRoom | undefined;
  readonly at: number;
  /** Bytes that were taken since. */
  taken: number;
}

/** What the storage has room for, for whoever looks from outside. */
export interface StorageCondition {
  /** Why nothing is taken that grows; undefined when it is. */
  readonly full: string | undefined;
  /** Undefined for storage in memory. */
  readonly room: StoreRoom | undefined;
}

/**
 * Refuses what grows before the database has to: below a reserve of free space, and above
 * `cluster.limits.max_storage_bytes`. Reads, deletions and what runs go on.
 */
export class StorageGuard {
  readonly #store: Store;
  readonly #clock: Pick<Clock, "steady">;
  readonly #bytesMax: number;
  #gaveBackAt = Number.NEGATIVE_INFINITY;
  #found: Found | undefined;

  /** @param bytesMax what the data may take; Infinity when unlimited */
  constructor(store: Store, clock: Pick<Clock, "steady">, bytesMax: number) {
    this.#store = store;
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /**
   * A look at the storage, for commands that are carried out together: each takes its part of the room.
   * @param allBytes what all of them add
   */
  async look(allBytes: number): Promise<(bytes: number) => FlameError | undefined> {
    const found = this.#lately(allBytes) ?? (await this.#look(allBytes));
    return (bytes) => {
      const full = found.room && this.#fullness(found.room, found.taken + bytes);
      if (full !== undefined) return new FlameError("resource_exhausted", full);
      found.taken += bytes;
      return undefined;
    };
  }

  async #look(bytes: number): Promise<Found> {
    const { room } = await this.#roomFor(bytes);
    const found: Found = { room, at: this.#clock.steady(), taken: 0 };
    this.#found = found;
    return found;
  }

  /** The last look where it was a moment ago and there was plenty. */
  #lately(bytes: number): Found | undefined {
    const found = this.#found;
    if (found === undefined || this.#clock.steady() - found.at >= lookLastsMs) return undefined;
    const { room, taken } = found;
    const wanted = taken + Math.max(bytes, plentyBytes);
    return room !== undefined && this.#fullness(room, wanted) !== undefined ? undefined : found;
  }

  /** How it is now. */
  condition(): Promise<StorageCondition> {
    return this.#roomFor(recordBytes);
  }

  /** What was deleted becomes room, piece by piece, where so many bytes do not fit. */
  async #roomFor(bytes: number): Promise<StorageCondition> {
    const before = await this.#conditionFor(bytes);
    const now = this.#clock.steady();
    if (before.full === undefined || now < this.#gaveBackAt + giveBackEveryMs) return before;
    this.#gaveBackAt = now;
    await this.#store.giveBack();
    return this.#conditionFor(bytes);
  }

  async #conditionFor(bytes: number): Promise<StorageCondition> {
    const room = await this.#store.room();
    return { full: room && this.#fullness(room, bytes), room };
  }

  /** Whether there is the room again that lets nodes write what they have. */
  async hasReserve(): Promise<boolean> {
    const room = await this.#store.room();
    return room === undefined || room.freeBytes >= reserveOf(room);
  }

  #fullness(room: StoreRoom, bytes: number): string | undefined {
    const reserve = reserveOf(room);
    if (room.freeBytes - copies * bytes < reserve) {
      return (
        `disk is full: the file system of ${room.place} has ${room.freeBytes} bytes free, and ${reserve} of them are ` +
        "kept for what runs and for deletions; nothing was changed: delete sessions, or make room there"
      );
    }
    if (room.usedBytes + bytes > this.#bytesMax) {
      return (
        `disk is full: the data in ${room.place} take ${room.usedBytes} bytes, got ${bytes} more, expected at most ` +
        `${this.#bytesMax} (cluster.limits.max_storage_bytes); nothing was changed: delete sessions, or raise it`
      );
    }
    return undefined;
  }
}

/** What a command of a client adds to the storage when it is carried out, in bytes; 0 when it adds nothing that stays. */
export function growthOf(command: Command, state: CoreState): number {
  switch (command.kind) {
    case "task.create":
      return recordBytes + (command.input.input?.length ?? 0);
    case "submit.tasks": {
      let bytes = 0;
      for (const input of command.input.inputs)
        if (!(input instanceof FlameError)) bytes += recordBytes + (input?.length ?? 0);
      return bytes;
    }
    case "session.create":
      return sessionBytes(command.input.request);
    case "session.open": {
      const { id, request } = command.input;
      const isNew = request !== undefined && state.sessions.find(id) === undefined;
      return isNew ? sessionBytes(request) : 0;
    }
    case "application.register":
      return recordBytes;
    case "application.apply": {
      // A new revision of one that is there takes the place of an old one, before long.
      const { applications, options } = command.input;
      if (options.dryRun === true) return 0;
      return (
        applications.filter(({ name }) => state.applications.find(name) === undefined).length *
        recordBytes
      );
    }
    default:
      return 0;
  }
}

function sessionBytes({ commonData }: SessionRequest): number {
  return recordBytes + (commonData?.length ?? 0);
}
