import type { SessionRecord } from "../../../src/model/session.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import type { Store } from "../../../src/storage/store.ts";

/** A store whose reads answer when the test says so. */
export class HeldReads extends MemoryStore {
  /** What was asked for, and of how many. */
  readonly asked: string[] = [];
  #gate: Promise<void> | undefined;
  #open: (failure?: Error) => void = () => undefined;

  hold(): void {
    this.#gate = new Promise((resolve, reject) => {
      this.#open = (failure) => (failure === undefined ? resolve() : reject(failure));
    });
  }

  letGo(failure?: Error): void {
    this.#gate = undefined;
    this.#open(failure);
  }

  async makeSession(id: string, creationTime: number, commonData?: Buffer): Promise<SessionRecord> {
    const record: SessionRecord = {
      id,
      application: "a",
      applicationRevision: 1,
      state: "Open",
      creationTime,
      resreq: { cpu: 1, memory: 1, gpu: 0 },
      minInstances: 0,
      priority: 0,
      owner: "anonymous",
      events: [],
      ...(commonData !== undefined && { commonDataBytes: commonData.length }),
    };
    const data = commonData === undefined ? {} : { commonData };
    await this.commit([{ kind: "session.put", record, ...data }]);
    return record;
  }

  override async readTasks(
    ...asked: Parameters<Store["readTasks"]>
  ): ReturnType<Store["readTasks"]> {
    this.asked.push(`tasks ${asked[2]}`);
    await this.#gate;
    return super.readTasks(...asked);
  }

  override async readPayloads(
    ...asked: Parameters<Store["readPayloads"]>
  ): ReturnType<Store["readPayloads"]> {
    this.asked.push(`${asked[1]}s ${asked[0].length}`);
    await this.#gate;
    return super.readPayloads(...asked);
  }

  override async readTask(...asked: Parameters<Store["readTask"]>): ReturnType<Store["readTask"]> {
    this.asked.push("task");
    await this.#gate;
    return super.readTask(...asked);
  }

  override async readCommonData(
    ...asked: Parameters<Store["readCommonData"]>
  ): ReturnType<Store["readCommonData"]> {
    this.asked.push(`common data ${asked[0].length}`);
    await this.#gate;
    return super.readCommonData(...asked);
  }
}
