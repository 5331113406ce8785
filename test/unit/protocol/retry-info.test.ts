import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import { FlameError } from "../../../src/model/errors.ts";
import { statusOf } from "../../../src/protocol/grpc-errors.ts";
import { readRetryDelay } from "../../../src/protocol/retry-info.ts";

/** The fields of a message, numbers as numbers and everything else as bytes. */
function fields(bytes: Uint8Array): Record<number, number | Uint8Array> {
  const reader = new BinaryReader(bytes);
  const found: Record<number, number | Uint8Array> = {};
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    found[field] = type === WireType.Varint ? Number(reader.int64()) : reader.bytes();
  }
  return found;
}
const text = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString();

describe("a refusal with a delay", () => {
  const error = new FlameError("resource_exhausted", "too many", { retryAfterMs: 2_250 });

  it("carries google.rpc.RetryInfo in google.rpc.Status", () => {
    const { code, details, metadata } = statusOf(error);
    expect([code, details]).toEqual([8, "too many"]);
    const status = fields(metadata?.get("grpc-status-details-bin")[0] as Buffer);
    expect([status[1], text(status[2])]).toEqual([8, "too many"]);
    const any = fields(status[3] as Uint8Array);
    expect(text(any[1])).toBe("type.googleapis.com/google.rpc.RetryInfo");
    const delay = fields(fields(any[2] as Uint8Array)[1] as Uint8Array);
    expect(delay).toEqual({ 1: 2, 2: 250_000_000 });
  });

  it("carries the delay in plain milliseconds, too", () => {
    expect(readRetryDelay(statusOf(error).metadata)).toBe(2_250);
  });

  it("keeps its trailers small, however long its text is", () => {
    const long = new FlameError("resource_exhausted", "x".repeat(100_000), { retryAfterMs: 1 });
    const [bytes] = statusOf(long).metadata?.get("grpc-status-details-bin") ?? [];
    expect((bytes as Buffer).length).toBeLessThan(250);
  });
});

describe("an error without a delay", () => {
  it("has no trailers", () => {
    expect(statusOf(new FlameError("not_found", "no such task"))).toEqual({
      code: 5,
      details: "no such task",
    });
  });

  it.each(["", "soon", "-1", "1e9", "99999999999"])("a delay of %j is none", (written) => {
    const metadata = new Metadata();
    if (written !== "") metadata.set("grpc-retry-pushback-ms", written);
    expect(readRetryDelay(metadata)).toBeUndefined();
  });

  it("a delay of days is believed for an hour", () => {
    const metadata = new Metadata();
    metadata.set("grpc-retry-pushback-ms", "999999999");
    expect(readRetryDelay(metadata)).toBe(3_600_000);
    expect(readRetryDelay(undefined)).toBeUndefined();
  });
});
