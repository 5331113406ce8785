// @ts-check
// Adds an application of its own, and appends a line of JSON to a file for each change of the registry.
import { appendFile } from "node:fs/promises";

/** @type {import("flame-ts/plugin").FlamePlugin<{ file: string }>} */
export default {
  name: "announce",
  apiVersion: 1,
  optionsSchema: {
    type: "object",
    additionalProperties: false,
    required: ["file"],
    properties: { file: { type: "string", pattern: "^/" } },
  },
  async start({ applications, options: { file }, logger }) {
    let last = Promise.resolve();
    applications.watch(({ kind, application: { name, revision, author } }) => {
      // One after the other, so that the lines stand in the order of the events.
      last = last.then(() =>
        appendFile(file, `${JSON.stringify({ kind, name, revision, author })}\n`),
      );
      return last;
    });
    const [outcome] = await applications.apply({
      metadata: { name: "announced" },
      spec: {
        description: "Registered by a plugin",
        labels: ["team-examples"],
        command: "/bin/true",
      },
    });
    logger.info({}, `announced is ${outcome?.action}`);
  },
};
