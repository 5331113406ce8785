export { ApplicationBook } from "./application-book.ts";
export type {
  RegisterApplication,
  SeedApplication,
  SeedOutcome,
  UpdateApplication,
} from "./inputs.ts";
export type { RegistryHost } from "./registry-host.ts";
