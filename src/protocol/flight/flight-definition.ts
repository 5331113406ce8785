import { FlightServiceService } from "../generated/arrow/flight/flight.ts";

/** Request metadata of a change that must not overwrite what its maker has not seen (docs/object-cache.md, section 3). */
export const expectedVersionKey = "flame-expected-version";

/** Request metadata of a put: `false` has it acknowledged without a sync (docs/object-cache.md, section 13). */
export const durableKey = "flame-durable";

/** Request metadata of a put: how many record batches come, so that one whose client gave up is not taken for whole. */
export const batchesKey = "flame-batches";

/** Request metadata of a client that reads the cache's folder: the words of its file (docs/object-cache.md, section 11). */
export const shareKey = "flame-share";

/** Request metadata of a get: `true` has a large row come as several (docs/object-cache.md, section 4). */
export const splitRowsKey = "flame-split-rows";

const raw = (bytes: Buffer): Buffer => bytes;

/**
 * The Flight service with FlightData as raw bytes: `flight-data.ts` reads and lays it out without copying a body,
 * and the handlers answer a malformed message with a text of their own.
 */
export const flightDefinition = {
  ...FlightServiceService,
  doPut: { ...FlightServiceService.doPut, requestSerialize: raw, requestDeserialize: raw },
  doGet: { ...FlightServiceService.doGet, responseSerialize: raw, responseDeserialize: raw },
} as const;
