// What the scripts of the checkout, which are plain JavaScript, have for a bench, with types.
import process from "node:process";
import * as localCluster from "../../scripts/lib/local-cluster.mjs";
import * as ports from "../../scripts/lib/ports.mjs";

interface LocalClusters {
  temporaryHome: (prepared: string) => Promise<{ home: string; remove: () => Promise<void> }>;
  configuration: (options: {
    home: string;
    first: number;
  }) => Promise<{ args: string[]; ports: { frontend: number; backend: number; cache: number } }>;
  publishedBy: (home: string, name: string) => { pid: number; metrics?: string } | undefined;
  startCluster: (options: {
    home: string;
    args: string[];
    env: NodeJS.ProcessEnv;
  }) => Promise<{ stop: () => Promise<number> }>;
}

export const { temporaryHome, configuration, publishedBy, startCluster } =
  localCluster as unknown as LocalClusters;

export const { freePorts } = ports as unknown as {
  freePorts: (count: number) => Promise<number>;
};

/** The environment of this process. */
export const environment = (): NodeJS.ProcessEnv => process.env;
