export { ApplicationBook } from "./application-book.ts";
export { ownerOfField } from "./field-owners.ts";
export { changesBetween, type FieldChange } from "./fields.ts";
export type {
  ApplyApplication,
  ApplyOptions,
  ApplyOutcome,
  ChangeGuard,
  RegisterApplication,
  RemoveApplication,
  RemoveOutcome,
  SeedApplication,
  SeedOutcome,
  UpdateApplication,
} from "./inputs.ts";
export type { RegistryEvent, RegistryHost } from "./registry-host.ts";
export { planSeed } from "./seeding.ts";
