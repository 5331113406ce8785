import { connect, TaskFailedError } from "flame-ts/client";
import type { Count, Rules, Text } from "./messages.js";

function* texts(count: number): Generator<Text> {
  for (let words = 1; words <= count; words++) yield { text: "word ".repeat(words) };
}

const flame = connect();
const session = await flame.createSession<Text, Count, Rules>({
  application: "count-words",
  commonData: { ignore: ["the", "a"] },
});
try {
  const { words, longest } = await session.invoke({ text: "The wheel turns, a heron watches" });
  console.log(`${words} words, the longest is ${longest}`);

  let sum = 0;
  for await (const count of session.map(texts(1_000), { concurrency: 200 })) sum += count.words;
  console.log(`1000 texts, ${sum} words`);

  for await (const result of session.results([{ text: "one" }, { text: "the" }])) {
    if (result.status === "fulfilled") console.log(`text ${result.index}: ${result.value.words}`);
    else if (result.reason instanceof TaskFailedError)
      console.log(`text ${result.index}: ${result.reason.message} (${result.reason.application})`);
  }
} finally {
  await session.close();
  flame.close();
}
