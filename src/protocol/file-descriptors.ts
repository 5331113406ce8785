import { createFileRegistry, type DescFile, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "./generated/descriptor-set.ts";

/** Finds the .proto files of this product, in the form in which reflection hands them out. */
export interface FileDescriptors {
  /** A file by its path below proto/, and everything that it imports; undefined when there is none. */
  byFileName(name: string): Buffer[] | undefined;
  /** The file that declares a service, method, message, field or enum, and everything that it imports. */
  bySymbol(symbol: string): Buffer[] | undefined;
  hasMessage(name: string): boolean;
}

/** Decodes them: worth doing once, and not before somebody asks. */
export function loadFileDescriptors(): FileDescriptors {
  const set = fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSet, "base64"));
  const registry = createFileRegistry(set);
  const declared = (symbol: string): DescFile | undefined => {
    const type = registry.get(symbol);
    if (type !== undefined) return type.file;
    // A method or a field: what declares it is one name up.
    const owner = symbol.slice(0, Math.max(0, symbol.lastIndexOf(".")));
    return registry.get(owner)?.file;
  };
  return {
    byFileName: (name) => encoded(registry.getFile(name)),
    bySymbol: (symbol) => encoded(declared(symbol.replace(/^\./, ""))),
    hasMessage: (name) => registry.getMessage(name) !== undefined,
  };
}

function encoded(file: DescFile | undefined): Buffer[] | undefined {
  if (file === undefined) return undefined;
  const files = new Set<DescFile>();
  const add = (one: DescFile): void => {
    if (files.has(one)) return;
    files.add(one);
    one.dependencies.forEach(add);
  };
  add(file);
  return [...files].map((one) => Buffer.from(toBinary(FileDescriptorProtoSchema, one.proto)));
}
