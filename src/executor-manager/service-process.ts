import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { type Cgroup, makeCgroup } from "../process/cgroup.ts";
import { describeExit } from "../process/exit-facts.ts";
import type { GroupReaper } from "../process/group-reaper.ts";
import type { GroupRecords } from "../process/leftovers.ts";
import { sessionLogFolder } from "../process/service-logs.ts";
import {
  type GroupLogs,
  type ProcessGroup,
  type SpawnGroupOptions,
  spawnGroup,
} from "../process/spawn-group.ts";
import { killStrays } from "../process/strays.ts";
import type { Containment } from "./containment.ts";
import { InstanceClient, socketAccepts } from "./instance-client.ts";
import type { LiveLogs } from "./logs/live-logs.ts";
import {
  expandCommandLine,
  type PackageVariables,
  serviceEnvironment,
} from "./service-environment.ts";
import type { ServiceLine } from "./service-line.ts";
import { TaskDoor } from "./work/task-door.ts";
import { TaskStream } from "./work/task-stream.ts";

/** What of an application its service process is made of. */
export interface ServiceApplication {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environments: Readonly<Record<string, string>>;
  /** Empty: a folder of the executor's own. */
  readonly workingDirectory: string;
}

/** What all services of a node share. */
export interface NodeServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reaper: GroupReaper;
  readonly records: GroupRecords;
  /** What ends all that a service started. */
  readonly containment: Containment;
  /** Told of what they print. */
  readonly live: Pick<LiveLogs, "tapsOf">;
  readonly flameHome: string;
  readonly socketFolder: string;
  /** The clean environment that every service begins with. */
  readonly inherited: Readonly<Record<string, string>>;
  readonly logLevel: string;
  readonly clusterEndpoint: string;
  readonly caFile?: string;
  readonly cacheEndpoint?: string;
  /** How long a service may take until it has connected or accepts connections, in milliseconds. */
  readonly startTimeoutMs: number;
  /** Between TERM and KILL, in milliseconds. */
  readonly stopGraceMs: number;
}

/** What a service process is made of. */
export interface ServiceProgram {
  readonly application: ServiceApplication;
  readonly packageVariables: PackageVariables;
}

/** Whom a service works for. */
export interface ServiceUser {
  readonly executorId: string;
  readonly sessionId: string;
}

/** A service that has connected, or accepts connections. */
export interface ServiceProcess {
  readonly line: ServiceLine;
  readonly group: ProcessGroup;
  /** For a service that was started before it was known for whom: who gets its output. To be said before it enters a session. */
  worksFor(user: ServiceUser): Promise<void>;
  /** Ends the whole group, then removes sockets and folders. Idempotent. */
  stop(): Promise<void>;
}

/** Folder of all the folders that belong to one service each; emptied when the manager starts. */
export function scratchFolder(flameHome: string): string {
  return join(flameHome, "run", "executors");
}

/**
 * Starts a service and waits until it has connected, or accepts connections (docs/protocol.md, "Services").
 * @param id names its sockets, its folder and its record; file-name safe, and no other service has it
 * @param user absent: said later
 * @throws FlameError saying what was started, how it ended or how long it was waited for, and its last words.
 */
export async function startServiceProcess(
  around: NodeServices,
  { application, packageVariables }: ServiceProgram,
  id: string,
  user: ServiceUser | undefined,
  signal: AbortSignal,
): Promise<ServiceProcess> {
  const scratch = join(scratchFolder(around.flameHome), id);
  const temporary = join(scratch, "work", application.name, "tmp");
  const directory = application.workingDirectory === "" ? scratch : application.workingDirectory;
  const socketPath = join(around.socketFolder, `${id}.sock`);
  const tasksPath = join(around.socketFolder, `${id}.task`);
  for (const folder of [temporary, directory]) await mkdir(folder, { recursive: true });
  const logs = user === undefined ? undefined : await logsFor(around, user, application);
  // A file left by an earlier service would look like a service that is ready.
  for (const path of [socketPath, tasksPath]) await rm(path, { force: true });
  const env = serviceEnvironment({
    ...around,
    application: application.environments,
    packageVariables,
    socketPath,
    tasksPath,
    temporary,
  });
  const commandLine = expandCommandLine(application.command, application.arguments, env);
  if (commandLine.command === "") {
    throw new FlameError("invalid_argument", `application "${application.name}" has no command`);
  }
  const { controlGroups, namespaces } = around.containment;
  const cgroup = controlGroups ? makeCgroup(id) : undefined;
  const started = cgroup === undefined ? namespaces?.around(commandLine, env) : undefined;
  const files = [socketPath, tasksPath];
  const plan = { mark: markOf(socketPath), files, ...planOf(cgroup) };
  await around.records.announce(id, plan);
  const door = new TaskDoor(tasksPath);
  const program: SpawnGroupOptions = {
    ...(started ?? commandLine),
    exitCodesOfShell: started !== undefined,
    cwd: directory,
    env,
    cgroup,
    ...(logs !== undefined && { logs }),
  };
  const spawned = door.open().then(() => spawnGroup(program));
  const group = await spawned.catch(async (failure: unknown) => {
    door.close();
    await cgroup?.end();
    await around.records.remove(id);
    throw failure;
  });
  const places = { id, socketPath, files, scratch, cgroup, door };
  const service = new Service(around, application, user, group, places);
  try {
    await service.started();
    await service.ready(commandLine.command, signal);
    return service;
  } catch (thrown) {
    await service.stop();
    throw thrown;
  }
}

/** Where the output of a service goes, in a folder that is there. */
async function logsFor(
  { clock, flameHome, live }: NodeServices,
  user: ServiceUser,
  { name }: ServiceApplication,
): Promise<GroupLogs> {
  const { executorId, sessionId } = user;
  const folder = sessionLogFolder(flameHome, sessionId);
  await mkdir(folder, { recursive: true });
  const path = join(folder, executorId);
  const heading = `session ${sessionId}: service of application ${name} begins`;
  const marks = { now: () => clock.now(), heading };
  const taps = live.tapsOf(user);
  return { stdoutFile: `${path}.out`, stderrFile: `${path}.err`, marks, taps };
}

/** What belongs to one service and goes with it. */
interface Places {
  /** Names the others. */
  readonly id: string;
  readonly socketPath: string;
  readonly files: readonly string[];
  readonly scratch: string;
  readonly cgroup: Cgroup | undefined;
  readonly door: TaskDoor;
}

const planOf = (cgroup: Cgroup | undefined): { cgroup?: string } =>
  cgroup === undefined ? {} : { cgroup: cgroup.folder };

class Service implements ServiceProcess {
  readonly group: ProcessGroup;
  readonly #around: NodeServices;
  readonly #application: ServiceApplication;
  #logger: Logger;
  readonly #paths: Places;
  #line: ServiceLine | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    around: NodeServices,
    application: ServiceApplication,
    user: ServiceUser | undefined,
    group: ProcessGroup,
    paths: Places,
  ) {
    this.#around = around;
    this.#application = application;
    this.#logger = around.logger.child(
      user === undefined ? { application: application.name, service: paths.id } : namesOf(user),
    );
    this.#paths = paths;
    this.group = group;
    around.reaper.watch(group.pid, paths.cgroup?.folder);
  }

  /** Writes down what a later manager would have to end. */
  async started(): Promise<void> {
    await this.#around.records.add(this.#paths.id, {
      pid: this.group.pid,
      startTime: this.group.startTime,
      mark: this.#mark,
      files: this.#paths.files,
      ...planOf(this.#paths.cgroup),
    });
  }

  get line(): ServiceLine {
    if (this.#line === undefined) throw new Error("the service is not ready");
    return this.#line;
  }

  get #mark(): string {
    return markOf(this.#paths.socketPath);
  }

  async ready(command: string, signal: AbortSignal): Promise<void> {
    const { clock, startTimeoutMs } = this.#around;
    const over = new AbortController();
    const stopProbing = (): void => over.abort();
    const timer = clock.after(startTimeoutMs, stopProbing);
    signal.addEventListener("abort", stopProbing, { once: true });
    void this.group.exited.then(stopProbing);
    if (signal.aborted) stopProbing();
    try {
      this.#line = await this.#firstWord(over.signal);
    } catch {
      throw await this.#notReady(command, signal);
    } finally {
      stopProbing();
      timer.cancel();
      signal.removeEventListener("abort", stopProbing);
    }
  }

  /** One that has made its connections is asked there; one that accepts calls before it has is called. */
  async #firstWord(signal: AbortSignal): Promise<ServiceLine> {
    const { socketPath, door } = this.#paths;
    const accepts = socketAccepts(socketPath, this.#around.clock, signal).then(() => undefined);
    const link = await Promise.race([door.linked, accepts]);
    if (link !== undefined) return new TaskStream(link);
    door.close();
    return new InstanceClient(socketPath);
  }

  async worksFor(user: ServiceUser): Promise<void> {
    this.#logger = this.#around.logger.child(namesOf(user));
    this.group.logTo(await logsFor(this.#around, user, this.#application));
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #notReady(command: string, signal: AbortSignal): Promise<FlameError> {
    if (signal.aborted) return new FlameError("aborted", `"${command}" is no longer wanted`);
    const { exitFacts } = this.group;
    const how =
      exitFacts === undefined
        ? `neither connected nor accepted connections on "${this.#paths.socketPath}" within ${this.#around.startTimeoutMs} ms`
        : `ended with ${describeExit(exitFacts)} before it connected or accepted connections`;
    return new FlameError("unavailable", `"${command}" ${how}${await lastWords(this.group)}`);
  }

  async #stop(): Promise<void> {
    const { reaper, records, stopGraceMs } = this.#around;
    this.#line?.close();
    this.#paths.door.close();
    try {
      await this.group.terminate(stopGraceMs);
      const marked = await killStrays(this.#mark);
      const others = (await this.#paths.cgroup?.end()) ?? [];
      // What was killed by its mark may not have ended yet.
      const strays = [...new Set([...marked, ...others])];
      if (strays.length > 0)
        this.#logger.warn(
          { processes: strays },
          "killed processes that a service had started outside its process group",
        );
      reaper.forget(this.group.pid);
      for (const file of this.#paths.files) await rm(file, { force: true });
      await rm(this.#paths.scratch, { recursive: true, force: true });
      // Last: what a kill leaves undone here, the next manager finds in the record.
      await records.remove(this.#paths.id);
    } catch (thrown) {
      this.#logger.warn({ error: textOf(thrown) }, "cleaning up after a service failed");
    }
  }
}

const namesOf = ({ executorId, sessionId }: ServiceUser): object => ({
  executor: executorId,
  session: sessionId,
});

/** What every process of a service inherits, and no other process has. */
const markOf = (socketPath: string): string => `FLAME_INSTANCE_ENDPOINT=${socketPath}`;

/** `; its last words: ...` of a service's stderr, or nothing when it said nothing. */
export async function lastWords(group: ProcessGroup): Promise<string> {
  const tail = await group.stderrTail();
  return tail === "" ? "; it wrote nothing to stderr" : `; its last words on stderr: ${tail}`;
}
