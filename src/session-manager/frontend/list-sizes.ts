import type { CoreState } from "../../core/state.ts";

/** What a session takes in a reply beside its common data, in bytes: ids, counters, a few events. */
const sessionBytes = 300;

/** How large the replies that list everything will be, known before they are made. */
export interface ListSizes {
  /** @param room bytes that the caller can receive: beyond, common data are left out */
  readonly sessions: (room: number) => number;
  readonly applications: () => number;
}

export function listSizes(machine: { readonly state: CoreState }): ListSizes {
  return {
    sessions: (room) => {
      let commonData = 0;
      let count = 0;
      for (const { record } of machine.state.sessions.all()) {
        commonData += record.commonDataBytes ?? 0;
        count++;
      }
      return count * sessionBytes + (commonData <= room ? commonData : 0);
    },
    applications: () => machine.state.applications.manifestChars,
  };
}
