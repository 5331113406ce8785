import { FlameError, serve } from "flame-ts/service";
import type { Count, Rules, Text } from "./messages.js";

/** An executor manager starts this program for a session; it ends with the session. */
await serve<Text, Count, Rules, ReadonlySet<string>>({
  // They print nothing, so they may come in batches.
  tasksAhead: 64,
  onSessionEnter: ({ commonData }) => new Set(commonData.ignore),
  onTaskInvoke({ text }, { state: ignored }) {
    const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
    const counted = words.filter((word) => !ignored.has(word));
    if (counted.length === 0) throw new FlameError("invalid_argument", `no word in "${text}"`);
    const [longest = ""] = counted.sort((a, b) => b.length - a.length);
    return { words: counted.length, longest };
  },
});
