/**
 * Below the folder of shipped manifests: what nodes and clusters of the published Flame get of an application in place of
 * the shipped manifest, in a file of the same name.
 */
export const PUBLISHED_FOLDER = "published";
