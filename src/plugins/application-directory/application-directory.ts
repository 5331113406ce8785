import { resolve } from "node:path";
import { DirectoryFollower } from "../../manifest-directory/directory-follower.ts";
import { DirectoryReader } from "../../manifest-directory/directory-reader.ts";
import type { FlamePlugin } from "../plugin.ts";
import { DirectoryKeeper } from "./directory-keeper.ts";

const NAME = "application-directory";

/**
 * The built-in plugin that keeps applications as the files of a directory say, while it runs: docs/registry.md, "The
 * administrator directory".
 * @param flameHome absolute
 */
export function applicationDirectory(flameHome: string): FlamePlugin {
  return {
    name: NAME,
    optionsSchema: {
      type: "object",
      additionalProperties: false,
      properties: {
        folder: {
          description:
            "Folder of application manifests (*.yaml, *.yml, *.json); a relative one is below FLAME_HOME. It need not exist.",
          type: "string",
          minLength: 1,
          maxLength: 4096,
          default: "conf/applications",
        },
      },
    },
    start: async (host) => {
      const { folder: named = "conf/applications" } = host.options as { folder?: string };
      const folder = resolve(flameHome, named);
      const { clock } = host;
      const keeper = new DirectoryKeeper({ host, folder });
      const reader = new DirectoryReader({
        folder,
        clock,
        readText: (text, path) =>
          host.readManifests(text, { origin: "file", author: path, owner: path }),
      });
      const follower = new DirectoryFollower({
        folder,
        reader,
        clock,
        act: (look) => keeper.act(look),
        onUnwatched: (reason) => {
          const text = `${folder} cannot be watched, so it is looked at every second: ${reason}`;
          host.logger.warn({ folder }, text);
        },
        onFailure: (reason) => {
          host.logger.error({ folder }, `${folder} could not be applied just now: ${reason}`);
        },
      });
      host.onClose(() => follower.close());
      const stop = host.applications.watch(({ record }) => {
        if (keeper.wasRefused(record.name)) follower.poke();
      });
      host.onClose(stop);
      await follower.start();
    },
  };
}
