import { hasRole, roleMissing } from "../model/access.ts";
import type { Caller } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";
import { accessOf } from "./rpc-access.ts";

/** Why a caller may not make a call; undefined: it may, as far as its roles say (docs/security.md, 37.1). */
export function refusalOf(
  caller: Pick<Caller, "name" | "grants">,
  path: string,
): FlameError | undefined {
  const roles = accessOf(path)?.roles;
  if (roles === undefined)
    return new FlameError(
      "permission_denied",
      `${caller.name} may not call ${path}: no role allows it (docs/security.md, 37.1)`,
    );
  if (typeof roles === "string" || roles.some((role) => hasRole(caller, role))) return undefined;
  const action = path.slice(path.lastIndexOf("/") + 1);
  return roleMissing(caller, { action, roles, rule: "37.1" });
}
