import packageFile from "../../package.json" with { type: "json" };

/** The release of every tool. */
export const version: string = packageFile.version;
