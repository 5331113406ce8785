import { describe, expect, it } from "@jest/globals";
import { hasRole, mayChangeOwned, requireRole, seesOwned } from "../../../src/model/access.ts";
import { type Grant, type Role, roles } from "../../../src/model/role.ts";

const render = { name: "render", labels: ["films", "gpu"] };
const caller = (...grants: Grant[]) => ({
  name: "alice",
  grants,
  identity: { id: "name alice", accepts: () => true },
});

describe("a role", () => {
  it.each<[Role, Role[]]>([
    ["viewer", ["viewer"]],
    ["user", ["viewer", "user"]],
    ["operator", ["viewer", "user", "operator"]],
    ["admin", ["viewer", "user", "operator", "admin"]],
    ["node", ["node"]],
  ])("%s holds %j and no other", (role, held) => {
    expect(roles.filter((asked) => hasRole(caller({ role }), asked))).toEqual(held);
  });

  it("is not needed where nobody is told apart", () => {
    expect(roles.every((role) => hasRole({}, role, "all"))).toBe(true);
    expect(roles.some((role) => hasRole(caller(), role))).toBe(false);
  });

  it("counts for the applications that it is bound to, by name or label", () => {
    const byName = caller({ role: "user", applications: ["render", "other"] });
    const byLabel = caller({ role: "user", labels: ["films"] });
    const byOther = caller({ role: "user", applications: ["other"], labels: ["sound"] });
    expect([byName, byLabel, byOther].map((one) => hasRole(one, "user", render))).toEqual([
      true,
      true,
      false,
    ]);
    expect([byName, byLabel, byOther].map((one) => hasRole(one, "user"))).toEqual([
      true,
      true,
      true,
    ]);
    expect([byName, byLabel, byOther].map((one) => hasRole(one, "user", "all"))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("that is missing is told with what was asked, what is there, and where it is given", () => {
    const asked = {
      action: "to create a session",
      roles: ["user"],
      application: render,
      rule: "37.3",
    } as const;
    expect(() => requireRole(caller({ role: "user", labels: ["sound"] }), asked)).toThrow(
      expect.objectContaining({
        code: "permission_denied",
        message:
          "to create a session needs the role user for application render, and alice has user for the labels sound (docs/security.md, 37.3): " +
          "an administrator gives roles in cluster.security.roles, or in the token's line of the token file",
      }),
    );
    expect(() =>
      requireRole(caller(), {
        action: "Get",
        roles: ["user", "node"],
        application: "all",
        rule: "37.1",
      }),
    ).toThrow("Get needs the role user or node for all applications, and alice has no role (");
  });
});

describe("what has an owner", () => {
  const of = (owner?: string) => ({ owner, application: render });

  it("is seen by its owner with the role user, and by viewers and operators of its application", () => {
    expect(seesOwned(caller({ role: "user" }), of("name alice"))).toBe(true);
    expect(seesOwned(caller({ role: "user", applications: ["other"] }), of("name alice"))).toBe(
      true,
    );
    expect(seesOwned(caller({ role: "node" }), of("name alice"))).toBe(false);
    expect(seesOwned(caller({ role: "viewer" }), of("name bob"))).toBe(true);
    expect(seesOwned(caller({ role: "viewer", applications: ["other"] }), of("name bob"))).toBe(
      false,
    );
    expect(seesOwned(caller({ role: "user" }), of("name bob"))).toBe(false);
    expect(seesOwned(caller({ role: "operator" }), of("name bob"))).toBe(true);
    expect(seesOwned(caller({ role: "operator", labels: ["gpu"] }), of("name bob"))).toBe(true);
    expect(seesOwned(caller({ role: "operator", labels: ["cpu"] }), of("name bob"))).toBe(false);
  });

  it("is changed by its owner with the role user, and by operators of its application", () => {
    expect(mayChangeOwned(caller({ role: "user" }), of("name alice"))).toBe(true);
    expect(mayChangeOwned(caller({ role: "viewer" }), of("name alice"))).toBe(false);
    const both = caller({ role: "viewer" }, { role: "user" });
    expect(seesOwned(both, of("name bob"))).toBe(true);
    expect(mayChangeOwned(both, of("name bob"))).toBe(false);
    expect(mayChangeOwned(caller({ role: "operator", labels: ["gpu"] }), of("name bob"))).toBe(
      true,
    );
    expect(mayChangeOwned(caller({ role: "operator", labels: ["cpu"] }), of("name bob"))).toBe(
      false,
    );
    expect(mayChangeOwned({}, of("name bob"))).toBe(true);
  });

  it("and has none, belongs to operators", () => {
    expect(seesOwned(caller({ role: "user" }), of())).toBe(false);
    expect(seesOwned(caller({ role: "operator" }), of())).toBe(true);
    expect(seesOwned({}, of("name bob"))).toBe(true);
  });
});
