import { describe, expect, it } from "@jest/globals";
import { encoded } from "../../../src/protocol/encoded.ts";
import { frameOf } from "../../../src/protocol/frames.ts";
import { TasksResponse } from "../../../src/protocol/generated/flame/stream/v1/clients.ts";

const response = (...outputs: Buffer[]): TasksResponse => {
  const results = outputs.map((output, offset) => ({
    offset,
    state: 2,
    output,
    elsewhere: false,
    creationTime: 1,
    completionTime: 2,
    events: [],
  }));
  const groups = [{ lane: 1, first: 7n, results }];
  return { acknowledgements: [], refusals: [], results: groups, ends: [] };
};
const generated = (message: TasksResponse): Buffer =>
  Buffer.from(TasksResponse.encode(message).finish());

describe("an encoded message", () => {
  const small = response(Buffer.from("small"));
  const large = response(Buffer.alloc(3 * 1024 * 1024, "a"), Buffer.alloc(3 * 1024 * 1024, "b"));

  it.each([
    ["small", small],
    ["large", large],
    ["empty", response()],
  ])("is what the generated code makes: %s", (_, message) => {
    for (let time = 0; time < 2; time++)
      expect(encoded(TasksResponse, message).equals(generated(message))).toBe(true);
  });

  it("stays as it is when others are encoded", () => {
    const first = encoded(TasksResponse, small);
    encoded(TasksResponse, response(Buffer.from("other")));
    expect(first.equals(generated(small))).toBe(true);
  });

  it("is not spoilt by one that could not be encoded", () => {
    const [group] = small.results;
    const lane = { ...small, results: [{ lane: -1, first: 1n, results: group?.results ?? [] }] };
    expect(() => encoded(TasksResponse, lane)).toThrow("-1");
    expect(encoded(TasksResponse, small).equals(generated(small))).toBe(true);
  });

  it("stands behind its length in a frame", () => {
    for (const message of [small, large, response()]) {
      const bytes = generated(message);
      const frame = frameOf(TasksResponse, message);
      expect(frame.readUInt32BE()).toBe(bytes.length);
      expect(frame.subarray(4).equals(bytes)).toBe(true);
    }
  });
});
