/**
 * Metadata by which the parts of Flame for TypeScript tell their version to each other: executor managers with
 * RegisterNode, session managers with the response headers of WatchNode (docs/protocol.md, "WatchNode").
 */
export const versionKey = "flame-version";
