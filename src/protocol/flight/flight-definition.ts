import { FlightServiceService } from "../generated/arrow/flight/flight.ts";

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
