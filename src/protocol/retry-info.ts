import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Metadata } from "@grpc/grpc-js";

/** Trailer with a `google.rpc.Status`, which clients of any language know how to read. */
const detailsKey = "grpc-status-details-bin";
/** The same delay as decimal milliseconds (gRPC's retry design, "server pushback"). */
const pushbackKey = "grpc-retry-pushback-ms";
const retryInfoType = "type.googleapis.com/google.rpc.RetryInfo";
/** Trailers share one block of headers, of which clients take 8 KiB, and the message stands in it already. */
const messageCharsMax = 100;
/** A delay that no server of ours asks for is not believed. */
const delayMsMax = 3_600_000;

/** The trailers that say when a refused call may be repeated (docs/protocol.md, "Limits"). */
export function retryMetadata(code: number, message: string, delayMs: number): Metadata {
  const metadata = new Metadata();
  metadata.set(detailsKey, encodeStatus(code, message.slice(0, messageCharsMax), delayMs));
  metadata.set(pushbackKey, String(delayMs));
  return metadata;
}

/** The delay that a refusal came with, in milliseconds; undefined when it has none that makes sense. */
export function readRetryDelay(metadata: Metadata | undefined): number | undefined {
  const text = metadata?.get(pushbackKey)[0]?.toString() ?? "";
  if (!/^\d{1,9}$/.test(text)) return undefined;
  return Math.min(Number(text), delayMsMax);
}

/** google.rpc.Status { int32 code = 1; string message = 2; repeated Any details = 3; } with one RetryInfo. */
function encodeStatus(code: number, message: string, delayMs: number): Buffer {
  // google.protobuf.Duration { int64 seconds = 1; int32 nanos = 2; } in RetryInfo { Duration retry_delay = 1; }
  const duration = new BinaryWriter()
    .uint32(8)
    .int64(Math.floor(delayMs / 1_000))
    .uint32(16)
    .int32((delayMs % 1_000) * 1_000_000)
    .finish();
  const retryInfo = new BinaryWriter().uint32(10).bytes(duration).finish();
  // google.protobuf.Any { string type_url = 1; bytes value = 2; }
  const any = new BinaryWriter().uint32(10).string(retryInfoType).uint32(18).bytes(retryInfo);
  return Buffer.from(
    new BinaryWriter()
      .uint32(8)
      .int32(code)
      .uint32(18)
      .string(message)
      .uint32(26)
      .bytes(any.finish())
      .finish(),
  );
}
