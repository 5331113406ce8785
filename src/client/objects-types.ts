import type { ObjectRef } from "../protocol/flight/object-ref.ts";

/** What a change of an object may say. */
export interface ObjectChangeOptions {
  /** The change is made only if the object has this version now (0 = does not exist); else `aborted`. */
  readonly expectedVersion?: number;
}

/** What a put may say. */
export interface PutOptions extends ObjectChangeOptions {
  /**
   * False: the cache answers before the bytes are on its disk. The object outlives the cache's process, and a power cut may take
   * it: getting it is then `not_found`, with a text that says so, and never other bytes. For puts at a prefix alone; such an
   * object cannot be patched, and an update makes it durable.
   * @default true
   */
  readonly durable?: boolean;
}

/** A patch as it was put. */
export interface ObjectPatch {
  readonly version: number;
  readonly data: Buffer;
}

/** What changed since the version that the caller knows. */
export type ObjectChange =
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "full";
      readonly version: number;
      readonly data: Buffer;
      readonly patches: readonly ObjectPatch[];
    }
  | {
      readonly kind: "patches";
      readonly version: number;
      readonly patches: readonly ObjectPatch[];
    };

/** An object as the cache lists it. */
export interface ObjectListing {
  readonly key: string;
  /** Patches included. */
  readonly bytes: number;
  /** Milliseconds since an object of the same session was last put or asked for. */
  readonly idleMs: number | undefined;
}

/**
 * The object cache (docs/object-cache.md) for objects of bytes, by reference. Every call throws FlameError: `unavailable` when
 * the cache does not answer, `deadline_exceeded` after the client's `objectTimeoutMs`.
 */
export interface Objects {
  /**
   * Stores an object under `<app>/<session>/<object>`, or under `<app>/<session>` with an id that the cache makes up;
   * an existing one is replaced, its version counted on.
   * @throws FlameError `invalid_argument` for what is no key, `aborted` for another version than the expected one,
   *   `resource_exhausted` when the cache is full.
   */
  put(keyOrPrefix: string, data: Uint8Array, options?: PutOptions): Promise<ObjectRef>;
  /**
   * Replaces an object where it lies.
   * @throws FlameError as {@link put} does.
   */
  update(ref: ObjectRef, data: Uint8Array, options?: PutOptions): Promise<ObjectRef>;
  /**
   * Adds a patch on top of an object.
   * @throws FlameError `not_found`; `invalid_argument` for a table, for an object that is not durable, or beyond 1,000 patches.
   */
  patch(ref: ObjectRef, data: Uint8Array, options?: ObjectChangeOptions): Promise<ObjectRef>;
  /**
   * The object as it is now, whatever the reference's version, without its patches: {@link fetch} has those.
   * @throws FlameError `not_found`; `invalid_argument` when the object is an Arrow table.
   */
  get(ref: ObjectRef): Promise<Buffer>;
  /**
   * What changed since `knownVersion`; 0 fetches everything.
   * @throws FlameError as {@link get} does.
   */
  fetch(ref: ObjectRef, knownVersion: number): Promise<ObjectChange>;
  /**
   * Stores the content of a file, piece by piece: memory holds one megabyte of it.
   * @throws FlameError as {@link put} does, and what reading the file throws.
   */
  upload(keyOrPrefix: string, file: string, options?: PutOptions): Promise<ObjectRef>;
  /**
   * Writes an object to a file that appears whole or not at all, also after a power cut.
   * @throws FlameError `not_found`; `invalid_argument` when the object has patches, of which only who put them knows what
   *   they change, or is an Arrow table.
   */
  download(ref: ObjectRef, file: string): Promise<void>;
  /** Deletes `<app>/<session>/<object>`, `<app>/<session>` or `<app>/*`; nothing there is no error. */
  delete(target: string): Promise<void>;
  /**
   * Deletes what each target of {@link delete} says, with one call where the cache can do that, else with one for each.
   * What the cache takes for no key can have no objects.
   */
  deleteMany(targets: readonly string[]): Promise<void>;
  /** Every object of the cache, with how long its session's objects have been unused, where the cache tells. */
  list(): Promise<ObjectListing[]>;
}
