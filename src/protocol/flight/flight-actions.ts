/** Deletes one target; published clients and caches know no other action. */
export const DELETE_ACTION = "DELETE";

/** Deletes many targets, a JSON array of what {@link DELETE_ACTION} takes: docs/object-cache.md, section 3. */
export const DELETE_MANY_ACTION = "FLAME_DELETE_MANY";

/** Asks for the folder through which clients of the cache's host and user put and get. */
export const SHARE_ACTION = "FLAME_SHARE";
