import { describe, expect, it } from "@jest/globals";
import { Result, TasksResponse } from "../../../src/protocol/generated/flame/stream/v1/clients.ts";
import { readIncomingTasks } from "../../../src/protocol/incoming-results.ts";

const full: Result = {
  offset: 70_000,
  state: 3,
  output: Buffer.from("output"),
  elsewhere: true,
  creationTime: 1.7e12,
  completionTime: 1.8e12,
  events: [
    { code: 0, time: 1 },
    { code: 3, time: 2, message: "boom" },
  ],
  lost: "forgotten",
};
const bare: Result = {
  offset: 0,
  state: 0,
  elsewhere: false,
  creationTime: 0,
  completionTime: 0,
  events: [],
};
const response: TasksResponse = {
  acknowledgements: [{ lane: 1, first: 2n, count: 3, firstTask: 4n, creationTime: 5 }],
  refusals: [{ lane: 1, first: 9n, count: 1, code: 8, message: "full", retryAfter: 10 }],
  results: [
    { lane: 7, first: 2n ** 40n, results: [full, bare] },
    { lane: 0, first: 0n, results: [] },
  ],
  ends: [{ lane: 2, code: 5, message: "gone" }],
};

describe("a response of tasks as a client reads it", () => {
  const bytes = TasksResponse.encode(response).finish();

  it("is what the generated code reads", () => {
    const { results, ...rest } = readIncomingTasks(bytes);
    const { results: expected, ...expectedRest } = TasksResponse.decode(bytes);
    expect(rest).toEqual(expectedRest);
    expect(
      results.map(({ lane, first, results: all }) => ({
        lane,
        first: BigInt(first),
        results: all.map((one) => one.read()),
      })),
    ).toEqual(expected);
  });

  it("has what is looked at of every result, without the rest", () => {
    const [one, two] = readIncomingTasks(bytes).results[0]?.results ?? [];
    expect(one).toMatchObject({
      offset: 70_000,
      state: 3,
      outputBytes: 6,
      elsewhere: true,
      lost: "forgotten",
    });
    expect(two).toMatchObject({ offset: 0, state: 0, outputBytes: 0, elsewhere: false });
    expect(two?.lost).toBeUndefined();
  });

  it("passes over fields of a later version", () => {
    // Field 15 with three bytes, field 14 as a number: in the response, a group and a result.
    const later = Buffer.from([0x7a, 3, 1, 2, 3, 0x70, 0x96, 0x01]);
    const nested = (tag: number, inner: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([tag, inner.length]), inner]);
    const result = Buffer.concat([later, Result.encode({ ...bare, offset: 5 }).finish(), later]);
    const group = Buffer.concat([Buffer.from([0x08, 4]), later, nested(0x1a, result)]);
    const tasks = readIncomingTasks(Buffer.concat([later, nested(0x1a, group), later]));
    expect(tasks.results).toMatchObject([{ lane: 4, results: [{ offset: 5 }] }]);
  });

  it("refuses bytes that end in the middle", () => {
    expect(() => readIncomingTasks(bytes.subarray(0, bytes.length - 3))).toThrow();
  });
});
