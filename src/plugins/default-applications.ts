import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { faultText } from "../documents/fault.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import {
  DefaultSeeding,
  fieldList,
  type SeedReport,
  type ShippedDefault,
} from "./default-seeding.ts";
import type { FlamePlugin, PluginHost } from "./plugin.ts";

const NAME = "default-applications";

/**
 * The built-in plugin that keeps the shipped applications registered: every manifest in `folder` is an ordinary one, and
 * nothing else makes an application a default. What somebody changed stays (docs/registry.md, "Default applications and
 * your edits").
 */
export function defaultApplications(folder: string): FlamePlugin {
  return {
    name: NAME,
    optionsSchema: {
      type: "object",
      additionalProperties: false,
      properties: {
        exclude: {
          description:
            "Default applications that are not registered; one that is registered already stays.",
          type: "array",
          maxItems: 1000,
          items: { type: "string", maxLength: 253 },
        },
      },
    },
    start: async (host) => {
      const shipped = await readShipped(folder, host);
      const { exclude = [] } = host.options as { exclude?: readonly string[] };
      refuseUnknown(exclude, shipped);
      const wanted = shipped.filter(({ name }) => !exclude.includes(name));
      const seeding = new DefaultSeeding(host, wanted, (outcome) => {
        report(outcome, host);
      });
      await seeding.start();
    },
  };
}

/**
 * Every default, those that a plugin of this cluster refuses included.
 * @throws FlameError invalid_config naming every broken file with line, column and reason.
 */
async function readShipped(folder: string, host: PluginHost): Promise<readonly ShippedDefault[]> {
  const shipped = new Map<string, ShippedDefault>();
  const faults: string[] = [];
  for (const file of await manifestFiles(folder)) {
    const author = `${basename(folder)}/${file}`;
    const text = await readFile(join(folder, file), "utf8");
    for (const result of await host.readManifests(text, { origin: "default", author })) {
      const { name } = result;
      const broken = result.ok ? [] : result.faults.filter(({ plugin }) => plugin === undefined);
      if (name === undefined || broken.length > 0) {
        faults.push(...broken.map((fault) => faultText(fault, join(folder, file))));
        continue;
      }
      const before = shipped.get(name);
      if (before !== undefined)
        faults.push(`${join(folder, file)}: got ${name}, which ${before.author} has too`);
      shipped.set(name, { ...result, name, author });
    }
  }
  if (faults.length > 0) throw new FlameError("invalid_config", faults.join("; "));
  return [...shipped.values()];
}

async function manifestFiles(folder: string): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    const text = `the folder of default applications cannot be read: ${textOf(cause)}`;
    throw new FlameError("invalid_config", text, { cause });
  }
  return names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
}

function refuseUnknown(exclude: readonly string[], shipped: readonly ShippedDefault[]): void {
  const names = shipped.map(({ name }) => name);
  const unknown = exclude.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const text = `options.exclude: got ${JSON.stringify(unknown)}, expected one of ${names.join(", ")}`;
  throw new FlameError("invalid_config", text);
}

function report(outcome: SeedReport, { logger }: PluginHost): void {
  const { name, action, followed = [], kept = [], reason = "" } = outcome;
  const fields = { application: name, action, followed, kept };
  switch (action) {
    case "created":
      logger.info(
        fields,
        `registered the default application ${name}; to leave it out, set cluster.plugins: [{ name: ${NAME}, options: { exclude: [${name}] } }]`,
      );
      return;
    case "followed":
      logger.info(
        fields,
        `the default application ${name} is now as shipped with this version, in ${fieldList(followed)}`,
      );
      return;
    case "merged":
      logger.info(
        fields,
        `the default application ${name} is now as shipped with this version in ${fieldList(followed)}; changed here, it keeps ${fieldList(kept)}`,
      );
      return;
    case "kept-edited":
      logger.info(
        fields,
        `the default application ${name} was changed here and stays as it is${kept.length === 0 ? "" : `, in ${fieldList(kept)}`}`,
      );
      return;
    case "refused":
      logger.error(
        { ...fields, reason },
        `the default application ${name} does not follow this version: ${reason}`,
      );
      return;
    case "unchanged":
      logger.debug(fields, `the default application ${name} is as shipped`);
      return;
    default:
      action satisfies never;
  }
}
