import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { type FileDescriptors, loadFileDescriptors } from "../protocol/file-descriptors.ts";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
  ServerReflectionServer,
} from "../protocol/generated/grpc/reflection/v1/reflection.ts";

type Call = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;
type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;

/**
 * Server reflection of one listener, the same under `grpc.reflection.v1` and `v1alpha`. The library `@grpc/reflection`
 * is not used: it reads .proto files from its own package folder at run time, which a bundled program does not have,
 * and takes only services that were made by a second loader of .proto files.
 */
export class Reflection {
  readonly #services: readonly string[];
  readonly #calls = new Set<Call>();
  #descriptors: FileDescriptors | undefined;

  /** @param services full names, as they are listed */
  constructor(services: readonly string[]) {
    this.#services = services;
  }

  /** Ends every call that is open: it would hold the shutdown up. */
  close(): void {
    for (const call of this.#calls) call.end();
    this.#calls.clear();
  }

  handlers(): ServerReflectionServer {
    return {
      serverReflectionInfo: (call) => {
        this.#calls.add(call);
        const over = (): void => {
          if (this.#calls.delete(call)) call.end();
        };
        call.on("data", (request: ServerReflectionRequest) => {
          call.write({
            validHost: request.host,
            originalRequest: request,
            messageResponse: this.#answer(request),
          });
        });
        call.on("end", over);
        call.on("error", over);
        call.on("cancelled", over);
      },
    };
  }

  #files(): FileDescriptors {
    this.#descriptors ??= loadFileDescriptors();
    return this.#descriptors;
  }

  #answer({ messageRequest: asked }: ServerReflectionRequest): Answer {
    const files = (what: string, found: Buffer[] | undefined): Answer =>
      found === undefined
        ? failure(status.NOT_FOUND, `no ${what} here`)
        : { $case: "fileDescriptorResponse", value: { fileDescriptorProto: found } };
    switch (asked?.$case) {
      case "listServices": {
        const service = this.#services.map((name) => ({ name }));
        return { $case: "listServicesResponse", value: { service } };
      }
      case "fileByFilename":
        return files(`file "${asked.value}"`, this.#files().byFileName(asked.value));
      case "fileContainingSymbol":
        return files(`symbol "${asked.value}"`, this.#files().bySymbol(asked.value));
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = asked.value;
        return files(`extension ${extensionNumber} of "${containingType}"`, undefined);
      }
      case "allExtensionNumbersOfType": {
        const baseTypeName = asked.value;
        if (!this.#files().hasMessage(baseTypeName))
          return failure(status.NOT_FOUND, `no message "${baseTypeName}" here`);
        return {
          $case: "allExtensionNumbersResponse",
          value: { baseTypeName, extensionNumber: [] },
        };
      }
      default:
        return failure(status.INVALID_ARGUMENT, "the request asks for nothing that is known here");
    }
  }
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}
