/**
 * Metadata of RegisterNode: the executor manager opens a stream on which it tells what services print (docs/protocol.md,
 * "Prints").
 */
export const logStreamKey = "flame-log-stream";
