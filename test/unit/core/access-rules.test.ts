import { describe, expect, it } from "@jest/globals";
import { accessRules } from "../../../src/core/access-rules.ts";
import type { Command, CommandKind } from "../../../src/core/commands.ts";
import type { Caller } from "../../../src/model/caller.ts";
import type { Role } from "../../../src/model/role.ts";
import { Machine } from "./machine.ts";

function caller(name: string, ...roles: Role[]): Caller {
  return {
    name,
    from: "127.0.0.1:1",
    authenticatedBy: "token",
    identity: { id: `name ${name}`, accepts: () => true },
    grants: roles.map((role) => ({ role })),
  };
}
const request = { application: "app", minInstances: 0, priority: 0 };

/** What one command is answered with. */
function answer(machine: Machine, kind: CommandKind, input: object, as: Caller): unknown {
  const command = { kind, input, token: 9_999, as } as Command;
  const turn = machine.core.turn([command], machine.now, machine.now);
  const [effect] = turn.effects.filter(({ to }) => to === 9_999);
  if (effect?.kind === "fail") return effect.error;
  return effect?.kind === "reply" ? effect.value : undefined;
}

describe("who asks with roles", () => {
  it("sees which executors are busy, and with what only where it may see the session", () => {
    const machine = new Machine();
    machine.register("app");
    machine.node("n1");
    const alice = caller("alice", "user");
    machine.ask("session.create", { id: "s1", request, caller: alice });
    machine.task("s1");
    machine.walk("e1", "Bound");
    const seen = (as: Caller): unknown => answer(machine, "executor.list", {}, as);
    const busy = machine.ask("executor.list", {}).filter(({ sessionId }) => sessionId === "s1");
    expect(busy).toHaveLength(1);
    expect(seen(alice)).toEqual(expect.arrayContaining(busy));
    expect(seen(caller("vera", "viewer"))).toEqual(expect.arrayContaining(busy));
    const hidden = seen(caller("bob", "user")) as { readonly id: string }[];
    expect(hidden.map(({ id }) => id)).toContain(busy[0]?.id);
    expect(JSON.stringify(hidden)).not.toContain("s1");
  });

  it("cannot ask what nodes and the session manager ask, whatever its roles", () => {
    const machine = new Machine();
    const kinds = Object.keys(accessRules) as CommandKind[];
    const own = kinds.filter((kind) =>
      /^(node\.(?!list|get|free)|executor\.(?!list)|tick|application\.seed|.*objectsDeleted)/.test(
        kind,
      ),
    );
    expect(own.length).toBeGreaterThan(15);
    for (const kind of own)
      expect(answer(machine, kind, {}, caller("root", "admin", "node"))).toMatchObject({
        code: "permission_denied",
      });
  });

  it.each<[CommandKind, object, "looks" | "changes"]>([
    ["application.ofSession", { sessionId: "s1" }, "looks"],
    ["session.get", { id: "s1" }, "looks"],
    ["task.get", { sessionId: "s1", taskId: 1 }, "looks"],
    ["task.watch", { sessionId: "s1", taskId: 1 }, "looks"],
    ["task.list", { sessionId: "s1" }, "looks"],
    ["session.open", { id: "s1" }, "changes"],
    ["session.cancel", { sessionId: "s1" }, "changes"],
    ["session.close", { id: "s1" }, "changes"],
    ["session.delete", { id: "s1" }, "changes"],
    ["task.create", { sessionId: "s1" }, "changes"],
    ["submit.open", { sessionId: "s1", producer: "p" }, "changes"],
    ["submit.tasks", { sessionId: "s1", producer: "p", first: 1, inputs: [undefined] }, "changes"],
    ["submit.follow", { sessionId: "s1", producer: "p", first: 1, count: 1 }, "changes"],
  ])("is asked whose the session is by %s", (kind, input, what) => {
    const machine = new Machine();
    machine.register("app");
    machine.ask("session.create", { id: "s1", request, caller: caller("alice", "user") });
    machine.task("s1");
    const code = (as: Caller): unknown =>
      (answer(machine, kind, input, as) as { readonly code?: string } | undefined)?.code;
    expect(code(caller("bob", "user"))).toBe("not_found");
    expect(code(caller("vera", "viewer"))).toBe(
      what === "changes" ? "permission_denied" : undefined,
    );
  });

  it("sees nothing of sessions from before there were owners, unless it looks after their application", () => {
    const machine = new Machine();
    machine.register("app");
    machine.open("early");
    const list = (as: Caller): number =>
      (answer(machine, "session.list", {}, as) as unknown[]).length;
    expect(list(caller("alice", "user"))).toBe(0);
    expect(list(caller("vera", "viewer"))).toBe(1);
    expect(
      answer(machine, "session.close", { id: "early" }, caller("alice", "user")),
    ).toMatchObject({
      code: "not_found",
    });
    expect(
      answer(machine, "session.close", { id: "early" }, caller("olga", "operator")),
    ).toMatchObject({
      record: { state: "Closed" },
    });
  });
});
