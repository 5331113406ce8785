import type { Clock } from "../../kit/clock.ts";
import { textOf } from "../../kit/thrown.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../../model/application-spec.ts";
import type { Change } from "../../model/change.ts";
import { FlameError } from "../../model/errors.ts";
import type { LockOwner } from "../life-lock.ts";
import { OneByOne } from "../one-by-one.ts";
import { PartlyDeleted } from "../partly-deleted.ts";
import type { Store, StoredState, StoreRoom } from "../store.ts";
import { PostgresForgetting } from "./forgetting.ts";
import { type Link, LostLink } from "./link.ts";
import { Links, type LinksOptions } from "./links.ts";
import { loadState } from "./loading.ts";
import { isForeign, Ownership } from "./ownership.ts";
import { passingRefusal } from "./passing-refusal.ts";
import { type Ask, PostgresReads } from "./reads.ts";
import { bringToNewestSchema } from "./schema.ts";
import { type Statement, statement } from "./statement.ts";
import { statementsOf } from "./writer.ts";

export interface PostgresStoreOptions
  extends Pick<LinksOptions, "connection" | "place" | "onChange"> {
  /** Folder of the `NNNN_name.sql` migrations. */
  readonly migrationsFolder: string;
  /** The last step of the manifest pipeline: fills defaults and freezes. */
  readonly fillDefaults: (manifest: ApplicationManifestSpec) => ApplicationSpec;
  readonly clock: Pick<Clock, "now">;
  /** Whom the database is locked for, until the store is closed. @default this process, without a name */
  readonly owner?: LockOwner;
  /** How long a start waits for the server, in milliseconds. */
  readonly startWaitMs: number;
  /** How long a commit or a read waits for a connection, in milliseconds. */
  readonly waitMs: number;
}

/** What one transaction deletes at most. */
const tasksAtOnce = 1_000;
const sessionsAtOnce = 100;

/** A PostgreSQL database: each commit is one transaction, all of whose statements are sent at once. */
export class PostgresStore implements Store {
  readonly readRevisions: Store["readRevisions"];
  readonly readRevision: Store["readRevision"];
  readonly readRemovals: Store["readRemovals"];
  readonly readTask: Store["readTask"];
  readonly readTasks: Store["readTasks"];
  readonly readPayloads: Store["readPayloads"];
  readonly readCommonData: Store["readCommonData"];
  readonly readSubmits: Store["readSubmits"];
  readonly #options: PostgresStoreOptions;
  readonly #ownership: Ownership;
  readonly #links: Links;
  readonly #turns = new OneByOne();
  readonly #forgetting: PostgresForgetting;
  readonly #leaving = new PartlyDeleted((id) => this.#forgetting.drop(id));
  /** The last commit, as the database had it when the present connection was made, or as was made on it. */
  #turn = 0;
  #isBegun = false;

  /**
   * @throws FlameError unavailable when the server does not answer, invalid_config when it or the database does not suit,
   *   already_exists naming who uses it
   */
  static async open(options: PostgresStoreOptions): Promise<PostgresStore> {
    const store = new PostgresStore(options);
    try {
      await store.#links.ready(options.startWaitMs);
      await store.#loadOwn();
      return store;
    } catch (failure) {
      store.#links.close();
      throw failure;
    }
  }

  private constructor(options: PostgresStoreOptions) {
    const { owner = { program: "a program of Flame" }, place, clock } = options;
    this.#options = options;
    this.#ownership = new Ownership(place, owner, () => clock.now());
    this.#links = new Links({ ...options, settle: (link) => this.#settle(link) });
    const ask: Ask = (asked, binary) => this.#ask(asked, binary);
    this.#forgetting = new PostgresForgetting(ask);
    const reads = new PostgresReads(ask);
    this.readRevisions = reads.revisions.bind(reads);
    this.readRevision = reads.revision.bind(reads);
    this.readRemovals = reads.removals.bind(reads);
    this.readTask = reads.task.bind(reads);
    this.readTasks = reads.tasks.bind(reads);
    this.readPayloads = reads.payloads.bind(reads);
    this.readCommonData = reads.commonData.bind(reads);
    this.readSubmits = reads.submits.bind(reads);
  }

  get startNumber(): number {
    return this.#ownership.number;
  }

  /** Makes a new connection the one that may commit. */
  async #settle(link: Link): Promise<void> {
    const { migrationsFolder, place, clock } = this.#options;
    if (this.#isBegun) {
      // First, so that another one's start is told as what it is.
      const turn = await this.#ownership.goOn(link);
      await this.#ownership.lock(link);
      this.#turn = turn;
      return;
    }
    await this.#ownership.lock(link);
    await bringToNewestSchema(link, migrationsFolder, place, clock.now());
    this.#turn = await this.#ownership.begin(link);
    this.#isBegun = true;
  }

  load(): Promise<StoredState> {
    return this.#turns.run(async () => {
      await this.#loadOwn();
      return loadState((asked, binary) => this.#ask(asked, binary), this.#options.fillDefaults);
    });
  }

  /** What is known here of what the database has. */
  async #loadOwn(): Promise<void> {
    const deleted = statement("", "SELECT id FROM sessions WHERE state = 'Deleted' ORDER BY id");
    const rows = await this.#ask<{ id: string }>(deleted);
    this.#leaving.load(rows.map(({ id }) => id));
    await this.#forgetting.load();
  }

  commit(changes: readonly Change[]): Promise<void> {
    return this.#turns.run(async () => {
      await this.#write(`writing ${changes.length} changes`, () =>
        statementsOf(changes, this.#leaving),
      );
    });
  }

  /** Nothing of it is known: a server does not say how much room its disk has. */
  room(): Promise<StoreRoom | undefined> {
    return Promise.resolve(undefined);
  }

  async tryWrite(): Promise<void> {
    await this.#turns.run(() => this.#write("writing", () => []));
  }

  /** The server does that by itself. */
  giveBack(): Promise<void> {
    return Promise.resolve();
  }

  forgotten(sessionId: string): number {
    return this.#forgetting.count(sessionId);
  }

  forgetFinished(
    sessionId: string,
    most: number,
    isHeld: (taskId: number) => boolean,
  ): Promise<boolean> {
    return this.#turns.run(async () => {
      if (this.isLeaving(sessionId)) return true;
      const piece = await this.#forgetting.piece(sessionId, most, isHeld);
      await this.#write("forgetting tasks", () => piece.statements);
      piece.done();
      return piece.isVain;
    });
  }

  isLeaving(sessionId: string): boolean {
    return this.#leaving.has(sessionId);
  }

  cleanUp(wanted?: string): Promise<boolean> {
    return this.#turns.run(async () => {
      const ids: string[] = [];
      for (const id of this.#leaving.ids(wanted)) if (ids.push(id) === sessionsAtOnce) break;
      const [first] = ids;
      if (first === undefined) return false;
      const few = await this.#haveFewTasks(ids);
      if (few || (await this.#deleteTasks(first)) < tasksAtOnce)
        await this.#deleteSessions(few ? ids : [first]);
      return !this.#leaving.isEmpty;
    });
  }

  async #haveFewTasks(ids: readonly string[]): Promise<boolean> {
    const text = `SELECT FROM tasks WHERE session_id = ANY ($1::text[]) LIMIT ${tasksAtOnce + 1}`;
    return (await this.#ask(statement("few_tasks", text, ids))).length <= tasksAtOnce;
  }

  /** @returns how many */
  async #deleteTasks(id: string): Promise<number> {
    const text = `DELETE FROM tasks WHERE session_id = $1 AND id IN
      (SELECT id FROM tasks WHERE session_id = $1 ORDER BY id LIMIT ${tasksAtOnce})`;
    const [deleted = tasksAtOnce] = await this.#write("deleting tasks", () => [
      statement("delete_tasks", text, id),
    ]);
    return deleted;
  }

  async #deleteSessions(ids: readonly string[]): Promise<void> {
    await this.#write("deleting sessions", () => {
      for (const id of ids) this.#leaving.finish(id);
      return [statement("delete_sessions", "SELECT delete_sessions($1::text[])", ids)];
    });
  }

  backup(): Promise<void> {
    const text = `cluster.storage is PostgreSQL (${this.#options.place}): back that database up with pg_dump, or as its administrator does`;
    return Promise.reject(new FlameError("invalid_state", text));
  }

  async close(): Promise<void> {
    await this.#turns.run(() => this.#links.close());
  }

  /** @param what is done, for the error's text; @returns for each statement how many rows it changed */
  async #write(what: string, made: () => readonly Statement[]): Promise<readonly number[]> {
    try {
      const changed = await this.#transaction(made());
      this.#leaving.settle();
      return changed;
    } catch (cause) {
      if (cause instanceof FlameError) throw cause;
      const code = passingRefusal(cause) ?? "internal";
      const text = `${what} to the database ${this.#options.place} failed: ${textOf(cause)}`;
      throw new FlameError(code, text, { cause });
    } finally {
      this.#leaving.drop();
    }
  }

  /** When the connection is lost meanwhile, the number of the last commit says whether this one was made. */
  async #transaction(statements: readonly Statement[]): Promise<readonly number[]> {
    let turn: number | undefined;
    for (;;) {
      const link = await this.#links.ready();
      if (this.#turn === turn) return [];
      turn = this.#turn + 1;
      try {
        const begun = this.#ownership.beginTurn(turn);
        const [, ...changed] = await link.transaction([begun, ...statements]);
        this.#turn = turn;
        return changed;
      } catch (thrown) {
        // The next connection finds out who it is.
        if (!(thrown instanceof LostLink || isForeign(thrown))) throw thrown;
      }
    }
  }

  /** A read may be asked twice. */
  async #ask<R extends object>(asked: Statement, binary = false): Promise<R[]> {
    for (;;) {
      const link = await this.#links.ready();
      try {
        return await link.rows<R>(asked, binary);
      } catch (thrown) {
        if (thrown instanceof LostLink) continue;
        const text = `reading from the database ${this.#options.place} failed: ${textOf(thrown)}`;
        throw new FlameError(passingRefusal(thrown) ?? "internal", text, { cause: thrown });
      }
    }
  }
}
