import type { Socket } from "node:net";
import { type ConnectionEnds, connectionKey } from "../kit/connection-ends.ts";

/** Which tokens were shown on which connection that is still open: what is open when its token goes, goes with it. */
export class TokenConnections {
  readonly #marks = new Map<string, Set<string>>();

  /** A client has connected. */
  readonly connected = (socket: Socket): void => {
    const key = connectionKey(socket);
    this.#marks.set(key, new Set());
    socket.once("close", () => this.#marks.delete(key));
  };

  /** A call on the connection was accepted. @param mark of the line of its token */
  accepted(ends: ConnectionEnds, mark: string): void {
    this.#marks.get(connectionKey(ends))?.add(mark);
  }

  /** The connections with a token that holds no more. */
  without(holds: (mark: string) => boolean): string[] {
    return [...this.#marks].flatMap(([key, marks]) => ([...marks].every(holds) ? [] : [key]));
  }
}
