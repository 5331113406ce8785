import type { ApplicationRecord } from "../model/application.ts";
import type {
  RegisterApplication,
  SeedApplication,
  SeedOutcome,
  UpdateApplication,
} from "./inputs.ts";

/**
 * The only way from the registry's shell (seeding, RPCs, directories) to the machine that keeps applications: the
 * embedded core, or a cluster elsewhere. Each promise resolves when the change is durable.
 */
export interface RegistryHost {
  /** All applications, sorted by name. */
  list(): Promise<readonly ApplicationRecord[]>;
  /** @throws FlameError not_found */
  get(name: string): Promise<ApplicationRecord>;
  /** All defaults in one change. */
  seed(defaults: readonly SeedApplication[]): Promise<readonly SeedOutcome[]>;
  /** @throws FlameError already_exists */
  register(input: RegisterApplication): Promise<ApplicationRecord>;
  /** @throws FlameError not_found, invalid_state while sessions are open */
  update(input: UpdateApplication): Promise<ApplicationRecord>;
  /** @throws FlameError not_found, invalid_state while sessions are open */
  unregister(name: string): Promise<void>;
}
