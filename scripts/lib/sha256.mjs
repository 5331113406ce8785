import { createHash } from "node:crypto";

/** The hash of a text or of bytes, in hex digits. */
export const sha256 = (content) => createHash("sha256").update(content).digest("hex");
