import { hasRole, roleMissing } from "../model/access.ts";
import type { Caller } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";
import { accessOf } from "./rpc-access.ts";

/** Why a caller may not make a call; undefined: it may, as far as its roles say (docs/security.md, 37.1). */
export function refusalOf(
  caller: Pick<Caller, "name" | "grants">,
  path: string,
): FlameError | undefined {
  const access = accessOf(path);
  if (access === undefined)
    return new FlameError(
      "permission_denied",
      `${caller.name} may not call ${path}: no role allows it (docs/security.md, 37.1)`,
    );
  const { roles, wholeCluster } = access;
  const application = wholeCluster === true ? "all" : undefined;
  if (typeof roles === "string" || roles.some((role) => hasRole(caller, role, application)))
    return undefined;
  const action = path.slice(path.lastIndexOf("/") + 1);
  const asked = { action, roles, rule: "37.1" };
  return roleMissing(caller, application === undefined ? asked : { ...asked, application });
}
