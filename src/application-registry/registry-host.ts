import type { ApplicationRecord } from "../model/application.ts";
import type {
  ApplyApplication,
  ApplyOptions,
  ApplyOutcome,
  RegisterApplication,
  RemoveApplication,
  RemoveOutcome,
  SeedApplication,
  SeedOutcome,
  UpdateApplication,
} from "./inputs.ts";

/** One change of an application, told when it is durable. */
export interface RegistryEvent {
  readonly kind: "created" | "changed" | "removed";
  /** As it is after the event; as it last was when it is removed. */
  readonly record: ApplicationRecord;
}

/**
 * The only way from the registry's shell (seeding, RPCs, directories, plugins) to the machine that keeps applications.
 * Each promise resolves when the change is durable.
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
  unregister(name: string, author: string): Promise<void>;
  /** Creates or replaces applications in one commit. @throws FlameError as ApplicationBook.apply does */
  apply(
    applications: readonly ApplyApplication[],
    options?: ApplyOptions,
  ): Promise<readonly ApplyOutcome[]>;
  /** @throws FlameError not_found, aborted, invalid_state */
  remove(input: RemoveApplication): Promise<RemoveOutcome>;
  /** Calls the listener with each change from now on, and waits for nothing. Returns how to stop. */
  watch(listener: (event: RegistryEvent) => void | Promise<void>): () => void;
}
