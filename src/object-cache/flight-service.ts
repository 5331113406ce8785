import type {
  Metadata,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Logger } from "../kit/logger.ts";
import { FlameError } from "../model/errors.ts";
import {
  DELETE_ACTION,
  DELETE_MANY_ACTION,
  SHARE_ACTION,
} from "../protocol/flight/flight-actions.ts";
import { decodeFlightData } from "../protocol/flight/flight-data.ts";
import {
  batchesKey,
  durableKey,
  expectedVersionKey,
  shareKey,
  splitRowsKey,
} from "../protocol/flight/flight-definition.ts";
import { encodeListing } from "../protocol/flight/listing.ts";
import { encodeObjectRef } from "../protocol/flight/object-ref.ts";
import { responseSchemaHeader } from "../protocol/flight/opaque-headers.ts";
import { encodeShareAnswer } from "../protocol/flight/shared-file.ts";
import { encapsulated } from "../protocol/flight/table-schema.ts";
import {
  type Action,
  type ActionType,
  type Criteria,
  type Empty,
  FlightDescriptor,
  FlightDescriptor_DescriptorType,
  type FlightInfo,
  type PutResult,
  type Result,
  type SchemaResult,
  type Ticket,
} from "../protocol/generated/arrow/flight/flight.ts";
import { readPrintable, requestIdKey } from "../protocol/request-id.ts";
import { fail, forEachMessage, send, toStatus } from "./call-io.ts";
import { breakOff, countIncoming } from "./call-stream.ts";
import { responseMessages, tableSchema } from "./flight-responses.ts";
import type { ObjectCache } from "./object-cache.ts";
import {
  type DeleteTarget,
  parseDeleteTarget,
  parseDeleteTargets,
  parseObjectKey,
  parseTicket,
  quoted,
} from "./object-key.ts";
import { sizeOf } from "./object-table.ts";
import { PartSender } from "./outgoing-message.ts";
import { PutReceiver, type PutReceiverDeps } from "./put-receiver.ts";
import { type PutTarget, readPutTarget, readUtf8 } from "./put-target.ts";
import { badProof, type SharedFolder, sharedCopyBytes } from "./shared-folder.ts";
import type { Transfer, TransferBudget } from "./transfer-budget.ts";

export interface FlightServiceDeps {
  readonly cache: ObjectCache;
  readonly logger: Logger;
  /** Makes object ids of puts that name none. */
  readonly newId: () => string;
  /** What object references say: `grpc://host:port` or `grpc+tls://host:port`. */
  readonly advertised: () => string;
  readonly budget: TransferBudget;
  /** Undefined when objects are not in a folder. */
  readonly shared?: SharedFolder | undefined;
}

const EMPTY = Buffer.alloc(0);
/** What stands before a message in the stream. */
const FRAME_BYTES = 5;

/** The handlers of Arrow Flight; what is not here is answered UNIMPLEMENTED by the server. */
export class FlightService {
  readonly #cache: ObjectCache;
  readonly #logger: Logger;
  readonly #newId: () => string;
  readonly #advertised: () => string;
  readonly #budget: TransferBudget;
  readonly #shared: SharedFolder | undefined;

  constructor(deps: FlightServiceDeps) {
    this.#cache = deps.cache;
    this.#logger = deps.logger;
    this.#newId = deps.newId;
    this.#advertised = deps.advertised;
    this.#budget = deps.budget;
    this.#shared = deps.shared;
  }

  handlers(): UntypedServiceImplementation {
    return {
      doPut: (call: ServerDuplexStream<Buffer, PutResult>) => void this.#doPut(call),
      doGet: (call: ServerWritableStream<Ticket, Buffer>) => void this.#doGet(call),
      doAction: (call: ServerWritableStream<Action, Result>) => void this.#doAction(call),
      getFlightInfo: (
        call: ServerUnaryCall<FlightDescriptor, FlightInfo>,
        answer: sendUnaryData<FlightInfo>,
      ) => {
        this.#flightInfo(call.request).then(
          (info) => answer(null, info),
          (thrown: unknown) => answer(toStatus(thrown)),
        );
      },
      getSchema: (
        _call: ServerUnaryCall<FlightDescriptor, SchemaResult>,
        answer: sendUnaryData<SchemaResult>,
      ) => answer(null, { schema: encapsulated(responseSchemaHeader) }),
      listFlights: (call: ServerWritableStream<Criteria, FlightInfo>) =>
        void this.#listFlights(call),
      listActions: (call: ServerWritableStream<Empty, ActionType>) => {
        call.write({
          type: DELETE_ACTION,
          description: "Deletes <app>/<session>/<object>, <app>/<session>, or <app>/*",
        });
        call.end();
      },
    };
  }

  async #doPut(call: ServerDuplexStream<Buffer, PutResult>): Promise<void> {
    let receiver: PutReceiver | undefined;
    let refuse = (_: unknown): void => undefined;
    const refused = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    const transfer = this.#budget.begin(() => refuse(stalled()));
    try {
      countIncoming(call, transfer, refuse);
      const expected = {
        version: readCount(call.metadata, expectedVersionKey, "the version"),
        batches: readCount(call.metadata, batchesKey, "the number of record batches"),
      };
      const durable = readTruth(call.metadata, durableKey, true);
      const readTarget = (descriptor: Buffer): PutTarget =>
        readPutTarget(FlightDescriptor.decode(descriptor), this.#newId, durable);
      const takeShared = this.#takeShared(call.metadata, transfer);
      const own = new PutReceiver({ cache: this.#cache, readTarget, takeShared }, expected);
      receiver = own;
      const received = forEachMessage(call, async (bytes) => {
        const { length } = bytes;
        await own.accept(decodeFlightData(bytes));
        transfer.give(Math.min(length + FRAME_BYTES, transfer.held));
      });
      const ended = await Promise.race([received, refused]);
      if (!ended) {
        const request = requestOf(call.metadata);
        this.#logger.debug({ peer: call.getPeer(), request }, "a put was given up by its client");
        return;
      }
      const { key, version } = await own.finish();
      const request = requestOf(call.metadata);
      this.#logger.debug({ operation: "put", request, key: key.text, version }, "stored an object");
      const ref = { endpoint: this.#advertised(), key: key.text, version };
      call.write({ appMetadata: encodeObjectRef(ref) });
      call.end();
    } catch (thrown) {
      this.#report("put", call.metadata, thrown);
      fail(call, thrown);
    } finally {
      transfer.end();
      await receiver
        ?.abort()
        .catch((thrown: unknown) => this.#report("put", call.metadata, thrown));
    }
  }

  async #doGet(call: ServerWritableStream<Ticket, Buffer>): Promise<void> {
    try {
      const ticket = parseTicket(readUtf8(call.request.ticket, "the ticket"));
      const form = {
        shared: this.#proves(call.metadata) === true,
        split: readTruth(call.metadata, splitRowsKey, false),
      };
      const view = this.#cache.view(ticket.key, ticket.version);
      const transfer = this.#budget.begin(() => breakOff(call));
      const parts = new PartSender(call, transfer);
      call.once("close", () => transfer.end());
      try {
        for await (const message of responseMessages(this.#cache, view, transfer, form)) {
          const sent = Buffer.isBuffer(message)
            ? await send(call, message)
            : await parts.send(message);
          if (!sent) return;
          transfer.give(Math.max(0, transfer.held - parts.held));
        }
        if (!(await parts.sent())) return;
      } finally {
        transfer.end();
        await view.release();
      }
      const fields = { operation: "get", request: requestOf(call.metadata), key: ticket.key.text };
      this.#logger.debug({ ...fields, answer: view.kind }, "sent an object");
      call.end();
    } catch (thrown) {
      this.#report("get", call.metadata, thrown);
      fail(call, thrown);
    }
  }

  async #doAction(call: ServerWritableStream<Action, Result>): Promise<void> {
    try {
      const { type, body } = call.request;
      if (type === SHARE_ACTION) {
        call.write({ body: encodeShareAnswer(this.#shared) });
        call.end();
        return;
      }
      const targets = deleteTargets(type, readUtf8(body, "the body of the action"));
      const deleted = await this.#cache.delete(targets);
      const request = requestOf(call.metadata);
      const fields = { operation: "delete", request, targets: targets.slice(0, 3), deleted };
      this.#logger.debug(fields, "deleted objects");
      call.write({ body: Buffer.from("OK") });
      call.end();
    } catch (thrown) {
      this.#report("delete", call.metadata, thrown);
      fail(call, thrown);
    }
  }

  /** Whether a client that says that it reads the cache's folder does; undefined when it says nothing. */
  #proves(metadata: Metadata): boolean | undefined {
    const [said] = metadata.get(shareKey);
    return said === undefined ? undefined : this.#shared?.isProof(said.toString()) === true;
  }

  #takeShared(metadata: Metadata, transfer: Transfer): PutReceiverDeps["takeShared"] {
    const proves = this.#proves(metadata);
    const shared = this.#shared;
    if (proves === undefined) return undefined;
    if (!proves || shared === undefined) throw badProof();
    return async (said, writer) => {
      await transfer.take(Math.min(said.size, sharedCopyBytes));
      await shared.take(said, writer);
    };
  }

  /** Never NOT_FOUND: clients ask where an object is to be found, before or after it is there. */
  async #flightInfo(descriptor: FlightDescriptor): Promise<FlightInfo> {
    const path = descriptor.path.join("/");
    if (path === "") {
      throw new FlameError(
        "invalid_argument",
        'the flight descriptor has no path: expected "<app>/<session>/<object>"',
      );
    }
    const schema = await this.#schemaOf(path);
    return {
      ...this.#info(path),
      schema: schema === undefined ? EMPTY : encapsulated(schema),
      flightDescriptor: { type: descriptor.type, cmd: EMPTY, path: [path] },
      totalBytes: -1n,
    };
  }

  async #schemaOf(path: string): Promise<Buffer | undefined> {
    if (path.split("/").length !== 3) return undefined;
    const record = this.#cache.find(parseObjectKey(path));
    return record === undefined ? undefined : await tableSchema(this.#cache, record.base);
  }

  async #listFlights(call: ServerWritableStream<Criteria, FlightInfo>): Promise<void> {
    for (const record of this.#cache.list()) {
      const { text } = record.key;
      // pyarrow refuses a listing without descriptors.
      const flightDescriptor = {
        type: FlightDescriptor_DescriptorType.PATH,
        cmd: EMPTY,
        path: [text],
      };
      const totalBytes = BigInt(sizeOf(record));
      const appMetadata = encodeListing({ idleMs: this.#cache.idleMs(record.key) });
      const info = { ...this.#info(text), flightDescriptor, totalBytes, appMetadata };
      if (!(await send(call, info))) return;
    }
    call.end();
  }

  #info(key: string): FlightInfo {
    const location = [{ uri: this.#advertised() }];
    const ticket = { ticket: Buffer.from(key) };
    return {
      schema: EMPTY,
      flightDescriptor: undefined,
      endpoint: [{ ticket, location, appMetadata: EMPTY }],
      totalRecords: -1n,
      totalBytes: -1n,
      ordered: false,
      appMetadata: EMPTY,
    };
  }

  /** Clients are told; what is the cache's own trouble is logged too. */
  #report(operation: string, metadata: Metadata, thrown: unknown): void {
    const { code, message } = FlameError.from(thrown);
    const fields = { operation, request: requestOf(metadata), code, reason: message };
    if (code === "internal" || code === "resource_exhausted") {
      this.#logger.warn(fields, "a request failed");
    } else {
      this.#logger.debug(fields, "a request was refused");
    }
  }
}

/** @throws FlameError invalid_argument for an action that is none of ours, or a bad body. */
function deleteTargets(type: string, body: string): readonly DeleteTarget[] {
  if (type === DELETE_ACTION) return [parseDeleteTarget(body)];
  if (type === DELETE_MANY_ACTION) return parseDeleteTargets(body);
  throw new FlameError(
    "invalid_argument",
    `unknown action ${quoted(type)}: expected ${DELETE_ACTION} or ${DELETE_MANY_ACTION}`,
  );
}

function requestOf(metadata: Metadata): string | undefined {
  return readPrintable(metadata.get(requestIdKey));
}

function stalled(): FlameError {
  return new FlameError(
    "deadline_exceeded",
    "the put was given up: nothing came for a long time while others waited for its memory",
  );
}

/** @throws FlameError invalid_argument when the metadata of that name says neither. */
function readTruth(metadata: Metadata, name: string, unsaid: boolean): boolean {
  const [value = String(unsaid)] = metadata.get(name);
  const said = value.toString();
  if (said === "true" || said === "false") return said === "true";
  throw new FlameError(
    "invalid_argument",
    `bad metadata ${name}: expected "true" or "false", got ${quoted(said)}`,
  );
}

/** @throws FlameError invalid_argument when the metadata of that name is no number. */
function readCount(metadata: Metadata, name: string, what: string): number | undefined {
  const [value] = metadata.get(name);
  if (value === undefined) return undefined;
  const count = Number(value.toString());
  if (/^\d+$/.test(value.toString()) && Number.isSafeInteger(count)) return count;
  throw new FlameError(
    "invalid_argument",
    `bad metadata ${name}: expected ${what} as a decimal number, got ${quoted(value.toString())}`,
  );
}
