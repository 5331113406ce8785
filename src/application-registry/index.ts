export { APPLICATIONS_MAX, ApplicationBook, type SeedResult } from "./application-book.ts";
export type {
  RegisterApplication,
  SeedAction,
  SeedApplication,
  SeedOutcome,
  UpdateApplication,
} from "./inputs.ts";
export type { RegistryHost } from "./registry-host.ts";
