import type { Caller } from "./caller.ts";
import { FlameError } from "./errors.ts";
import { clientRoles, type Grant, type Role } from "./role.ts";

/**
 * Who may do what: the one home of it, for every room that asks (docs/security.md, 37). The listeners ask for the role that a
 * call needs (security/rpc-access.ts); what belongs to somebody is asked for where it is known.
 *
 * Where nobody is told apart (`same-user`, `open`), callers have no grants and no identity: they have all roles and see all.
 */

/** An application as bindings look at it. */
export interface LabelledApplication {
  readonly name: string;
  readonly labels: readonly string[];
}

/**
 * Whether a caller has a role, or one with more.
 * @param application the one that it is about; undefined: the role is needed for something, "all": for all applications
 */
export function hasRole(
  { grants }: Pick<Caller, "grants">,
  role: Role,
  application?: LabelledApplication | "all",
): boolean {
  if (grants === undefined) return true;
  return grants.some((grant) => includesRole(grant.role, role) && isFor(grant, application));
}

/** What has an owner: a session with its tasks and logs, an object. */
export interface Owned {
  /** The id of the identity that made it; undefined: made before there were owners, or where nobody is told apart. */
  readonly owner: string | undefined;
  /** What it belongs to; "all" when that is not known or not there any more. */
  readonly application: LabelledApplication | "all";
}

/** Whether somebody may know of something: its owner, and who looks after its application. */
export function seesOwned(caller: Pick<Caller, "grants" | "identity">, of: Owned): boolean {
  const { grants } = caller;
  if (grants === undefined || owns(caller, of)) return true;
  // A user looks at nothing but its own: that role holds the role viewer for all that belongs to nobody.
  return grants.some((grant) => lookers.includes(grant.role) && isFor(grant, of.application));
}

const lookers: readonly Role[] = ["viewer", "operator", "admin"];

/** Whether somebody may change or delete something: its owner, and operators of its application. */
export function mayChangeOwned(caller: Pick<Caller, "grants" | "identity">, of: Owned): boolean {
  return owns(caller, of) || hasRole(caller, "operator", of.application);
}

function owns(caller: Pick<Caller, "grants" | "identity">, { owner }: Owned): boolean {
  return owner !== undefined && owner === caller.identity?.id && hasRole(caller, "user");
}

/** What is asked, as denials tell it. */
export interface Asked {
  /** Such as `Backup`, or `to create a session of application render`. */
  readonly action: string;
  /** Each of them suffices. */
  readonly roles: readonly Role[];
  readonly application?: LabelledApplication | "all";
  /** Such as `37.1`: the statement of docs/security.md that asks for it. */
  readonly rule: string;
}

/** @throws FlameError permission_denied naming what was asked, what would allow it, and where that is changed */
export function requireRole(caller: Pick<Caller, "name" | "grants">, asked: Asked): void {
  if (!asked.roles.some((role) => hasRole(caller, role, asked.application)))
    throw roleMissing(caller, asked);
}

export function roleMissing(
  { name, grants = [] }: Pick<Caller, "name" | "grants">,
  { action, roles, application, rule }: Asked,
): FlameError {
  return new FlameError(
    "permission_denied",
    `${action} needs the role ${roles.join(" or ")}${limitText(application)}, and ${name} has ${grantsText(grants)} ` +
      `(docs/security.md, ${rule}): an administrator gives roles in cluster.security.roles, or in the token's line of the token file`,
  );
}

function limitText(application: Asked["application"]): string {
  if (application === undefined) return "";
  return application === "all" ? " for all applications" : ` for application ${application.name}`;
}

/** Such as `user for the applications a, b or the label team`. */
export function grantsText(grants: readonly Grant[]): string {
  if (grants.length === 0) return "no role";
  return grants
    .map(({ role, applications = [], labels = [] }) => {
      const limits = [
        ...(applications.length === 0 ? [] : [`the applications ${applications.join(", ")}`]),
        ...(labels.length === 0 ? [] : [`the labels ${labels.join(", ")}`]),
      ];
      return limits.length === 0 ? role : `${role} for ${limits.join(" and ")}`;
    })
    .join("; ");
}

function includesRole(has: Role, asked: Role): boolean {
  if (has === "node" || asked === "node") return has === asked;
  return clientRoles.indexOf(has) >= clientRoles.indexOf(asked);
}

function isFor(
  { applications, labels }: Grant,
  application: LabelledApplication | "all" | undefined,
): boolean {
  if (applications === undefined && labels === undefined) return true;
  if (application === undefined) return true;
  if (application === "all") return false;
  return (
    applications?.includes(application.name) === true ||
    application.labels.some((label) => labels?.includes(label) === true)
  );
}
