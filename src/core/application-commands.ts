import type { Handlers } from "./handler.ts";
import { deleteSession } from "./session-commands.ts";

/** Applications: the registry's rules decide, this keeps what they decided. */
export const applicationHandlers: Handlers<
  | "application.register"
  | "application.update"
  | "application.unregister"
  | "application.get"
  | "application.list"
  | "application.seed"
> = {
  "application.register": (state, turn, input) => {
    const record = state.applications.register(input, turn.now);
    turn.change({ kind: "application.put", record });
    return record;
  },

  "application.update": (state, turn, input) => {
    const record = state.applications.update(
      input,
      state.sessions.openSessionsOf(input.name),
      turn.now,
    );
    turn.change({ kind: "application.put", record });
    return record;
  },

  "application.unregister": (state, turn, { name }) => {
    state.applications.unregister(name, state.sessions.openSessionsOf(name));
    for (const entry of state.sessions.closedOf(name)) deleteSession(state, turn, entry);
    turn.change({ kind: "application.delete", name });
    return undefined;
  },

  "application.get": (state, _turn, { name }) => state.applications.get(name),

  "application.list": (state) => state.applications.list(),

  "application.seed": (state, turn, { defaults }) => {
    const { outcomes, changed, replaced } = state.applications.seed(defaults, turn.now);
    // Sessions that are open stay with the revision they were created with.
    for (const record of replaced) state.pinned.set(`${record.name}@${record.revision}`, record);
    for (const record of changed) turn.change({ kind: "application.put", record });
    return outcomes;
  },
};
