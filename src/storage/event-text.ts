import { type FlameEvent, usualEventTexts } from "../model/event.ts";

// How the events of a record stand in one column. Nearly all tasks have the same three, whose texts are made when they are
// read: `0.mgz1a2b3 1.3 2.9` is codes and times, each time in base 36 and but for the first as milliseconds since the one
// before. What has any other text is a compact JSON array of `[code, creationTime, message]`, as earlier versions wrote all.

/** What {@link eventsOf} reads. */
export function eventsText(events: readonly FlameEvent[]): string {
  let text = "";
  let before = 0;
  for (const { code, creationTime, message } of events) {
    if (message !== usualEventTexts[code] || !Number.isSafeInteger(creationTime))
      return jsonText(events);
    const since = (creationTime - before).toString(36);
    text += text === "" ? `${code}.${since}` : ` ${code}.${since}`;
    before = creationTime;
  }
  return text === "" ? "[]" : text;
}

export function eventsOf(text: string): FlameEvent[] {
  if (text.startsWith("[")) {
    return (JSON.parse(text) as [number, number, string][]).map(
      ([code, creationTime, message]) => ({ code, message, creationTime }),
    );
  }
  let before = 0;
  return text.split(" ").map((part) => {
    const [code, since] = part.split(".");
    before += Number.parseInt(since ?? "", 36);
    const message = usualEventTexts[Number(code)];
    if (message === undefined || Number.isNaN(before))
      throw new Error(`the events ${JSON.stringify(text.slice(0, 200))} are of no known form`);
    return { code: Number(code), message, creationTime: before };
  });
}

function jsonText(events: readonly FlameEvent[]): string {
  return JSON.stringify(events.map((event) => [event.code, event.creationTime, event.message]));
}
