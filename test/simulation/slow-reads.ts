import type { Store } from "../../src/storage/store.ts";
import type { World } from "./world.ts";

type Reads = Pick<Store, "readTask" | "readTasks" | "readPayloads" | "readSubmits">;

/**
 * A store that is elsewhere: a read sees what is there some time after it was asked for, answers later still, and overtakes
 * others; now and then it fails. Nobody is answered whose process died.
 */
export function slowReads(store: Store, world: World, isDead: () => boolean): Store {
  const { random } = world;
  const delay = (): number => (random.chance(0.3) ? 0 : random.skewed(1, 30));
  const slowly =
    <A extends unknown[], R>(read: (...asked: A) => Promise<R>) =>
    (...asked: A): Promise<R> =>
      new Promise((resolve, reject) => {
        world.after(delay(), () => {
          if (isDead()) return;
          const answer = read(...asked);
          const fails = world.stormy && random.chance(0.02);
          world.after(delay(), async () => {
            const found = await answer;
            if (isDead()) return;
            if (fails) reject(new Error("the connection to the store broke"));
            else resolve(found);
            // Virtual time waits for what follows.
            await new Promise<void>((done) => setImmediate(done));
          });
        });
      });
  const slow: Reads = {
    readTask: slowly(store.readTask.bind(store)),
    readTasks: slowly(store.readTasks.bind(store)),
    readPayloads: slowly(store.readPayloads.bind(store)),
    readSubmits: slowly(store.readSubmits.bind(store)),
  };
  return new Proxy(store, {
    get: (_, key) => {
      const own: unknown = Reflect.get(slow, key);
      return own ?? (Reflect.get(store, key) as () => unknown).bind(store);
    },
  });
}
