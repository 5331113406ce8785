/** Metadata by which RegisterNode says that the node opens a work stream (docs/protocol.md, "Streams"). */
export const workStreamKey = "flame-work-stream";
