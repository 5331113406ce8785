import { FlameError } from "../model/errors.ts";
import { allocateFlightData } from "../protocol/flight/flight-data.ts";
import { requestSchemaHeader } from "../protocol/flight/opaque-headers.ts";
import { frameRequestRow, opaqueBytesMax } from "../protocol/flight/opaque-rows.ts";
import {
  FlightDescriptor_DescriptorType as DescriptorType,
  FlightDescriptor,
} from "../protocol/generated/arrow/flight/flight.ts";

/** A put goes in rows of this size, so that neither side holds the object a second time. Unit: bytes. */
const ROW_BYTES = 8 * 1024 * 1024;

/** Of a put to a key or a prefix. */
export function pathDescriptor(key: string): FlightDescriptor {
  return FlightDescriptor.fromPartial({ type: DescriptorType.PATH, path: [key] });
}

/** The messages of a put of opaque bytes. */
export async function* putMessages(
  descriptor: FlightDescriptor,
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  const encoded = Buffer.from(FlightDescriptor.encode(descriptor).finish());
  yield allocateFlightData(requestSchemaHeader, 0, encoded).message;
  let sent = 0;
  for await (const chunk of chunks) {
    sent += chunk.length;
    if (sent > opaqueBytesMax) throw tooLarge(sent);
    // At least one row, also for an empty object; the cache joins them.
    for (let at = 0; at === 0 || at < chunk.length; at += ROW_BYTES) {
      yield rowMessage(chunk.subarray(at, at + ROW_BYTES));
    }
  }
}

/** A put of the bytes of files, each of which a row names. */
export async function* fileMessages(
  descriptor: FlightDescriptor,
  descriptions: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  const encoded = Buffer.from(FlightDescriptor.encode(descriptor).finish());
  yield allocateFlightData(requestSchemaHeader, 0, encoded).message;
  const row = frameRequestRow(0);
  for await (const description of descriptions) {
    const named = allocateFlightData(row.header, row.bodyBytes, undefined, description);
    row.writeAround(named.body);
    yield named.message;
  }
}

function tooLarge(bytes: number): FlameError {
  return new FlameError(
    "invalid_argument",
    `the object has ${bytes} bytes or more; at most ${opaqueBytesMax} (2^31 - 4096) fit into one object`,
  );
}

function rowMessage(data: Buffer): Buffer {
  const row = frameRequestRow(data.length);
  const { message, body } = allocateFlightData(row.header, row.bodyBytes);
  row.writeAround(body);
  data.copy(body, row.dataOffset);
  return message;
}
