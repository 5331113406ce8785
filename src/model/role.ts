/** From the least to the most, each with all that the ones before it may; `node` stands apart. */
export const clientRoles = ["viewer", "user", "operator", "admin"] as const;
export const roles = [...clientRoles, "node"] as const;
export type Role = (typeof roles)[number];

/** A role that somebody has. */
export interface Grant {
  readonly role: Role;
  /** Only for applications with one of these names, or one of these labels; neither: for all of them. */
  readonly applications?: readonly string[];
  readonly labels?: readonly string[];
}
