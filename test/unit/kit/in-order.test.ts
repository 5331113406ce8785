import { expect, it } from "@jest/globals";
import { InOrder } from "../../../src/kit/in-order.ts";

interface Slow {
  readonly act: () => Promise<void>;
  readonly end: (failure?: Error) => void;
}

function slow(done: string[], name: string): Slow {
  let end: Slow["end"] = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = (failure) => (failure === undefined ? resolve() : reject(failure));
  });
  const act = async (): Promise<void> => {
    done.push(`${name} begins`);
    await ended;
    done.push(`${name} ends`);
  };
  return { act, end: (failure) => end(failure) };
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("does at once what does not take its time, also what is asked for meanwhile, one after the other", () => {
  const done: string[] = [];
  const order = new InOrder((thrown) => done.push(String(thrown)));
  order.run(() => {
    order.run(() => void done.push("inner"));
    done.push("outer");
  });
  expect(done).toEqual(["outer", "inner"]);
  order.run(() => void done.push("next"));
  expect(done).toEqual(["outer", "inner", "next"]);
});

it("what comes behind something that takes its time waits for it", async () => {
  const done: string[] = [];
  const order = new InOrder((thrown) => done.push(String(thrown)));
  const [first, second] = [slow(done, "first"), slow(done, "second")];
  order.run(first.act);
  order.run(() => void done.push("between"));
  order.run(second.act);
  order.run(() => void done.push("last"));
  second.end();
  await settle();
  expect(done).toEqual(["first begins"]);
  expect(order.isIdle).toBe(false);
  first.end();
  await settle();
  expect(done).toEqual([
    "first begins",
    "first ends",
    "between",
    "second begins",
    "second ends",
    "last",
  ]);
  expect(order.isIdle).toBe(true);
  order.run(() => void done.push("later"));
  expect(done.at(-1)).toBe("later");
});

it("tells what was thrown, at once or later, and goes on with the next", async () => {
  const done: string[] = [];
  const order = new InOrder((thrown) => done.push(`failed: ${String(thrown)}`));
  order.run(() => {
    throw new Error("at once");
  });
  const late = slow(done, "late");
  order.run(late.act);
  order.run(() => void done.push("next"));
  late.end(new Error("later"));
  await settle();
  expect(done).toEqual(["failed: Error: at once", "late begins", "failed: Error: later", "next"]);
});
