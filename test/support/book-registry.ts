import type {
  ApplicationBook,
  RegistryEvent,
  RegistryHost,
} from "../../src/application-registry/index.ts";
import type { ApplicationRecord } from "../../src/model/application.ts";

/** A registry without an engine: the rules are the real ones, and nothing is written. */
export function bookRegistry(book: () => ApplicationBook, openSessions = 0): RegistryHost {
  const listeners = new Set<Parameters<RegistryHost["watch"]>[0]>();
  const tellAll = (event: RegistryEvent): void => {
    for (const listener of listeners) void listener(event);
  };
  const tell = (before: ApplicationRecord | undefined, record: ApplicationRecord): void => {
    if (record === before) return;
    const kind = before === undefined ? "created" : "changed";
    tellAll({ kind, record });
  };
  return {
    list: async () => book().list(),
    get: async (name) => book().get(name),
    seed: async (defaults) => {
      const results = book().seed(defaults, 1000);
      for (const { before, record } of results) tell(before, record);
      return results.map(({ outcome }) => outcome);
    },
    register: async (input) => {
      const record = book().register(input, 1000);
      tell(undefined, record);
      return record;
    },
    update: async (input) => {
      const before = book().get(input.name);
      const record = book().update(input, openSessions, 1000);
      tell(before, record);
      return record;
    },
    unregister: async (name) => {
      const record = book().get(name);
      book().unregister(name, openSessions);
      tellAll({ kind: "removed", record });
    },
    apply: async (applications, options = {}) => {
      const outcomes = book().apply(applications, options, 1000);
      for (const one of outcomes) if (one.action !== "refused") tell(one.before, one.record);
      return outcomes;
    },
    remove: async (input) => {
      const { outcome, record } = book().remove(input, openSessions);
      const kind = outcome === "removed" ? "removed" : "changed";
      tellAll({ kind, record });
      return outcome;
    },
    watch: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
