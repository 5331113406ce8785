/**
 * Services of Flame: what runs the tasks of an application. docs/typescript.md shows how one is made and registered.
 * Everything that the package `flame-ts` gives away as `flame-ts/service` is named here.
 */
export type { ErrorCode, FlameErrorOptions } from "../model/errors.ts";
export { FlameError } from "../model/errors.ts";
export type { Codec, Codecs } from "./codec.ts";
export { bytes, json, text } from "./codec.ts";
export { serve } from "./serve.ts";
export type {
  ServeOptions,
  Service,
  ServiceApplication,
  ServiceSession,
  ServiceTask,
} from "./service-types.ts";
