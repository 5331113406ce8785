import type { Socket } from "node:net";
import pg from "pg";
import { codeOf, textOf } from "../../kit/thrown.ts";
import { type Statement, statement } from "./statement.ts";

/** The connection is gone: what was under way on it may have been done or not. */
export class LostLink extends Error {}

/** What the server said that is no loss of the connection, with its SQLSTATE. */
export interface ServerRefusal {
  readonly code: string;
  readonly message: string;
}

/** What a link is made with; the driver's words for where the server is and who asks. */
export interface LinkOptions extends pg.ClientConfig {
  /** Where nothing comes for so long from a server that is to answer, the connection counts as lost, in milliseconds. */
  readonly silenceMs: number;
}

type Row = Record<string, unknown>;

/** What the driver has and its types do not tell. */
interface Inside {
  readonly connection: { readonly stream: Socket };
}

/** As the system table pg_type has them. */
const bigintType = 20;
const byteaType = 17;

type TypeParser = (text: never) => unknown;

function parserOf(id: number, format: "text" | "binary" = "text"): TypeParser {
  if (format === "binary" && id === byteaType) return (bytes) => bytes;
  // All our integers fit into a number.
  if (format === "text" && id === bigintType) return Number;
  return driverParser(id, format);
}

const driverParser: (id: number, format: "text" | "binary") => TypeParser = pg.types.getTypeParser;
const types: pg.CustomTypesConfig = { getTypeParser: parserOf };

const sessionSettings = [
  // An answered commit survives a crash, also where the server is set up to answer before.
  "synchronous_commit=on",
  // A server that lost us gives our lock back soon.
  "tcp_keepalives_idle=5",
  "tcp_keepalives_interval=5",
  "tcp_keepalives_count=2",
  "idle_in_transaction_session_timeout=30s",
  "statement_timeout=0",
];

/**
 * One connection, on which everything is sent at once and answered in its order: a transaction takes one way to the server
 * and back, however many statements it has, and a read behind it sees what it left.
 */
export class Link {
  readonly #client: pg.Client;
  readonly #silenceMs: number;
  #lost: LostLink | undefined;
  #onLost: (lost: LostLink) => void = () => undefined;
  #waiting = 0;
  #silence: NodeJS.Timeout | undefined;

  private constructor({ silenceMs, ...options }: LinkOptions) {
    this.#silenceMs = silenceMs;
    const settings = sessionSettings.map((setting) => `-c ${setting}`).join(" ");
    const own = { pipeline: true, types, options: `${options.options ?? ""} ${settings}`.trim() };
    this.#client = new pg.Client({ ...options, ...own });
    this.#client.on("error", (error) => this.#lose(error));
    this.#client.on("end", () => this.#lose(new Error("the server ended the connection")));
  }

  /** @throws what the server or the network says */
  static async open(options: LinkOptions): Promise<Link> {
    const link = new Link(options);
    try {
      await link.#client.connect();
    } catch (thrown) {
      link.#lose(thrown);
      throw thrown;
    }
    (link.#client as unknown as Inside).connection.stream.setNoDelay(true);
    return link;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** @param onLost called once, when it is lost */
  onLost(onLost: (lost: LostLink) => void): void {
    this.#onLost = onLost;
    if (this.#lost !== undefined) onLost(this.#lost);
  }

  /** @throws LostLink; else what the server refused */
  async rows<R extends object = Row>(statement: Statement, binary = false): Promise<R[]> {
    return (await this.#ask(statement, binary)).rows as R[];
  }

  /**
   * Carries out all of it or nothing. When it resolves it is durable.
   * @returns for each statement how many rows it changed
   * @throws LostLink when it is not known which; else what the server refused: then nothing was changed
   */
  async transaction(statements: readonly Statement[]): Promise<number[]> {
    const asked = [begin, ...statements, commit].map((one) => this.#ask(one));
    const answers = await Promise.allSettled(asked);
    const failed = answers.find((answer) => answer.status === "rejected");
    if (failed !== undefined) {
      // What the server did not prepare for it is not worth finding out.
      this.#lose(failed.reason);
      throw failed.reason;
    }
    const results = await Promise.all(asked);
    if (results.at(-1)?.command !== "COMMIT")
      throw new Error(`the server answered COMMIT with ${results.at(-1)?.command}`);
    return results.slice(1, -1).map(({ rowCount }) => rowCount ?? 0);
  }

  /** Ends it at once, whatever is under way. */
  close(): void {
    this.#lose(new Error("it was closed"));
  }

  async #ask({ name, text, values }: Statement, binary = false): Promise<pg.QueryResult<Row>> {
    if (this.#lost !== undefined) throw this.#lost;
    this.#waiting++;
    this.#listen();
    try {
      const query = { text, values: [...values], binary, ...(name !== "" && { name }) };
      return await this.#client.query<Row>(query);
    } catch (thrown) {
      if (isRefusal(thrown)) throw thrown;
      throw this.#lose(thrown);
    } finally {
      this.#waiting--;
      this.#listen();
    }
  }

  /** Something came, or is waited for. */
  #listen(): void {
    clearTimeout(this.#silence);
    if (this.#waiting === 0 || this.#lost !== undefined) return;
    const text = `nothing came from the server for ${this.#silenceMs / 1000} s`;
    this.#silence = setTimeout(() => this.#lose(new Error(text)), this.#silenceMs);
  }

  #lose(cause: unknown): LostLink {
    if (this.#lost !== undefined) return this.#lost;
    this.#lost = new LostLink(textOf(cause), { cause });
    clearTimeout(this.#silence);
    (this.#client as unknown as Inside).connection.stream.destroy();
    this.#onLost(this.#lost);
    return this.#lost;
  }
}

const begin = statement("begin", "BEGIN");
const commit = statement("commit", "COMMIT");

/** Words with which a server ends a connection: it stops, starts, or has waited too long. */
const endings = /^(08...|57P0.|25P03)$/;

/** The server's own word, behind which the connection goes on. */
export function isRefusal(thrown: unknown): thrown is ServerRefusal {
  if (typeof thrown !== "object" || thrown === null || !("severity" in thrown)) return false;
  const code = codeOf(thrown);
  return typeof code === "string" && !endings.test(code);
}
