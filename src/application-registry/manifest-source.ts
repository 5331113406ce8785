import type { ApplicationOrigin } from "../model/application.ts";

/** Where a manifest comes from, for hooks and for the revision that it becomes. */
export interface ManifestSource {
  readonly origin: ApplicationOrigin;
  /** A caller's name and address, or the file that says so. */
  readonly author: string;
  /** The file or tool that keeps the application, when one does. */
  readonly owner?: string;
}
