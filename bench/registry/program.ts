// What clients of the registry do, timed at the client; told by its arguments, answers one line of JSON.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { FlameClient } from "../../src/client/index.ts";
import { applicationSpecToWire } from "../../src/protocol/application-wire.ts";
import { FrontendService } from "../../src/protocol/generated/flame/v1/frontend.ts";
import { LoadClient, many } from "../overload/loads.ts";
import { documentText, documentTexts, nameOf, specOf } from "./manifests.ts";

const callTimeoutMs = 120_000;

const [what = "", address = "", ...rest] = process.argv.slice(2);
const client = (): FlameClient => new FlameClient({ endpoint: `http://${address}`, callTimeoutMs });

/** Registers `count` applications from `first` on over connections of its own. */
async function register(
  first: number,
  count: number,
  connections: number,
  atOnce: number,
): Promise<unknown> {
  const clients = Array.from({ length: connections }, () => new LoadClient(address));
  // Connected before the clock runs: how fast connections are made is another question.
  await Promise.all(
    clients.map((one) => one.call(FrontendService.getApplication, { name: "flmping" })),
  );
  process.stdout.write("ready\n");
  await begun();
  const at = Date.now();
  const outcome = await many(clients, count, atOnce, async (one, index) => {
    const request = {
      name: nameOf(first + index),
      application: applicationSpecToWire(specOf(first + index)),
    };
    const { returnCode, message } = await one.call(FrontendService.registerApplication, request);
    if (returnCode !== 0) throw new Error(message);
  });
  for (const one of clients) one.close();
  return { from: at, to: Date.now(), answered: outcome.answered };
}

/** Times one call after the other on one connection. */
async function timed(runs: number, call: (one: FlameClient) => Promise<number>): Promise<unknown> {
  const one = client();
  const times: number[] = [];
  let items = 0;
  for (let run = 0; run < runs; run++) {
    const from = performance.now();
    items = await call(one);
    times.push(performance.now() - from);
  }
  one.close();
  return { times, items };
}

/** Saves a file of the followed directory again and again, and waits each time until the registry tells of it. */
async function save(folder: string, runs: number): Promise<unknown> {
  const one = client();
  const name = "bench-saved";
  const changes = one.registry.watch(name);
  const path = join(folder, `${name}.yaml`);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const description = `saved ${run}`;
    const text = documentText(name, { ...specOf(0), description });
    const from = performance.now();
    // Half of them as editors do it, by a new file in the place of the old one.
    if (run % 2 === 0) writeFileSync(path, text);
    else {
      writeFileSync(`${path}~`, text);
      renameSync(`${path}~`, path);
    }
    for (;;) {
      const { value, done } = await changes.next();
      if (done === true) throw new Error("the watch ended");
      if (value.kind === "synced") continue;
      if (value.application.revision?.manifest.includes(description) === true) break;
    }
    times.push(performance.now() - from);
  }
  await changes.return();
  one.close();
  return { times };
}

function begun(): Promise<unknown> {
  return new Promise((resolve) => {
    process.stdin.once("data", resolve);
  });
}

async function answer(): Promise<unknown> {
  const numbers = rest.map(Number);
  const [first = 0, second = 0, third = 0, fourth = 0] = numbers;
  switch (what) {
    case "register":
      return register(first, second, third, fourth);
    case "list":
      return timed(first, async (one) => (await one.registry.list()).length);
    case "list-brief":
      return timed(first, async (one) => (await one.registry.list({ brief: true })).length);
    case "list-published":
      return timed(first, async (one) => (await one.listApplications()).length);
    case "apply": {
      const documents = documentTexts(second).map((manifest) => ({ manifest }));
      return timed(first, async (one) => {
        const results = await one.registry.apply(documents);
        return results.filter(({ action }) => action === "unchanged").length;
      });
    }
    case "documents": {
      const text = documentTexts(second).join("---\n");
      writeFileSync(rest[0] ?? "", text);
      return { bytes: readFileSync(rest[0] ?? "").length };
    }
    case "save":
      return save(rest[0] ?? "", second);
    default:
      throw new Error(`no such work: ${what}`);
  }
}

process.stdout.write(`${JSON.stringify(await answer())}\n`);
process.exit(0);
