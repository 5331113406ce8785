const KIB = 1024;
const MIB = 1024 * KIB;

/** What published clients accept in one message, in bytes (docs/protocol.md, "Limits"). */
export const messageBytesDefault = 4 * MIB;

/** common_data, input and output, each, in bytes: one published message less room for its envelope. */
export const payloadBytesMax = 4 * MIB - 64 * KIB;

/** The longest event message kept, in bytes of its UTF-16 length; a longer one is cut. */
export const eventMessageCharsMax = 16 * KIB;
