import { describe, expect, it } from "@jest/globals";
import type { Change } from "../../../src/model/change.ts";
import { removalsKept, type Store } from "../../../src/storage/store.ts";
import { application } from "./records.ts";
import { storeForEachTest, storeKinds } from "./store-kinds.ts";

const removal = (time: number, name = "my-app"): Change => ({
  kind: "application.delete",
  name,
  removal: { time, author: `alice (10.0.0.7:${time})`, revision: 3 },
});

describe.each(storeKinds)("removals of applications in the $name store", (kind) => {
  let store: Store;
  const reopen = storeForEachTest(kind, (opened) => {
    store = opened;
  });
  const times = async (name = "my-app"): Promise<number[]> =>
    (await store.readRemovals(name)).map(({ time }) => time);

  it("outlive the application, and a new one of its name", async () => {
    await store.commit([{ kind: "application.put", record: application(3) }]);
    expect(await store.readRemovals("my-app")).toEqual([]);
    await store.commit([removal(9)]);
    await store.commit([{ kind: "application.put", record: application(1) }]);
    await reopen();
    const kept = { time: 9, author: "alice (10.0.0.7:9)", revision: 3 };
    expect(await store.readRemovals("my-app")).toEqual([kept]);
    expect((await store.readRevisions("my-app")).map(({ revision }) => revision)).toEqual([1]);
    expect(await store.readRemovals("other")).toEqual([]);
  });

  it("are kept for the latest of a name, the latest first, also when many are in one commit", async () => {
    const { ofName } = removalsKept;
    const all = Array.from({ length: ofName + 5 }, (_, number) => removal(number));
    await store.commit([removal(1, "other"), ...all]);
    expect(await times()).toEqual(
      Array.from({ length: ofName }, (_, number) => ofName + 4 - number),
    );
    expect(await times("other")).toEqual([1]);
  });

  it("are kept for the latest of all names together", async () => {
    const names = Array.from({ length: removalsKept.ofAll + 2 }, (_, number) => `app-${number}`);
    await store.commit(names.map((name, time) => removal(time, name)));
    expect(await times("app-0")).toEqual([]);
    expect(await times("app-1")).toEqual([]);
    expect(await times("app-2")).toEqual([2]);
  });

  it("tell who disabled an application that is to go with its last session", async () => {
    const record = application(1, { state: "Disabled", removedBy: "alice" });
    await store.commit([{ kind: "application.put", record }]);
    await reopen();
    expect((await store.load()).applications).toEqual([record]);
    await store.commit([{ kind: "application.put", record: application(2) }]);
    expect((await store.load()).applications).toEqual([application(2)]);
  });
});
