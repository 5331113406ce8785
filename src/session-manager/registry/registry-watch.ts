import type { ServerWritableStream } from "@grpc/grpc-js";
import type { SourceFaults } from "../../application-registry/source-faults.ts";
import type { ApplicationEvent } from "../../core/application-event.ts";
import type { ApplicationRecord } from "../../model/application.ts";
import {
  type WatchEvent,
  WatchEvent_Kind,
  type WatchRequest,
} from "../../protocol/generated/flame/registry/v1/registry.ts";
import { doorOf, failStream } from "../calls/call-helpers.ts";
import type { Engine } from "../engine/engine.ts";
import { absentToWire, registryApplicationToWire } from "./registry-wire.ts";

type Kind = "present" | "created" | "changed" | "removed";

const kinds = {
  present: WatchEvent_Kind.KIND_PRESENT,
  created: WatchEvent_Kind.KIND_CREATED,
  changed: WatchEvent_Kind.KIND_CHANGED,
  removed: WatchEvent_Kind.KIND_REMOVED,
} as const;

/** One event that its reader has not taken yet; without a record: only the faults of its sources are there. */
interface Waiting {
  readonly kind: Kind;
  readonly record?: ApplicationRecord;
}

/**
 * Registry.Watch: sends no faster than the client reads. What waits is one event for each application, so that a client
 * that never reads costs no more than the registry itself.
 */
export function watchRegistry(deps: { readonly engine: Engine; readonly faults: SourceFaults }) {
  return (call: ServerWritableStream<WatchRequest, WatchEvent>): void => {
    new RegistryWatch(deps, call).begin();
  };
}

class RegistryWatch {
  readonly #deps: { readonly engine: Engine; readonly faults: SourceFaults };
  readonly #call: ServerWritableStream<WatchRequest, WatchEvent>;
  readonly #waiting = new Map<string, Waiting>();
  /** Latest records that were told or wait, for events that only concern faults. */
  readonly #latest = new Map<string, ApplicationRecord>();
  /** Everything that was there is in `#waiting`; SYNCED follows when that has been sent. */
  #sync: "open" | "due" | "sent" = "open";
  #blocked = false;

  constructor(
    deps: { readonly engine: Engine; readonly faults: SourceFaults },
    call: ServerWritableStream<WatchRequest, WatchEvent>,
  ) {
    this.#deps = deps;
    this.#call = call;
  }

  begin(): void {
    const { name } = this.#call.request;
    const stopFaults = this.#deps.faults.onChange((changed) => {
      if (name === undefined || name === changed) this.#faultsChanged(changed);
    });
    const pending = doorOf(this.#deps.engine, this.#call).stream(
      "application.watch",
      { ...(name !== undefined && { name }) },
      {
        push: (event) => {
          this.#take(event);
        },
        end: (error) => {
          stopFaults();
          if (error === undefined) this.#call.end();
          else failStream(this.#call, error);
        },
      },
    );
    this.#call.on("drain", () => {
      this.#blocked = false;
      this.#send();
    });
    this.#call.on("cancelled", () => {
      stopFaults();
      pending.cancel();
    });
  }

  #take(event: ApplicationEvent): void {
    if (event.kind === "present") {
      for (const record of event.records) this.#add("present", record);
      this.#sync = "due";
    } else this.#add(event.kind, event.record);
    this.#send();
  }

  #add(kind: Kind, record: ApplicationRecord): void {
    const { name } = record;
    if (kind === "removed") this.#latest.delete(name);
    else this.#latest.set(name, record);
    const before = this.#waiting.get(name)?.kind;
    const merged = mergedKind(before, kind);
    if (merged === undefined) this.#waiting.delete(name);
    else this.#waiting.set(name, { kind: merged, record });
  }

  #faultsChanged(name: string): void {
    const record = this.#latest.get(name);
    const kind = this.#waiting.get(name)?.kind ?? "changed";
    this.#waiting.set(name, { kind, ...(record !== undefined && { record }) });
    this.#send();
  }

  #send(): void {
    const { faults } = this.#deps;
    for (const [name, { kind, record }] of this.#waiting) {
      if (this.#blocked) return;
      this.#waiting.delete(name);
      const wrong = faults.of(name);
      const application =
        record === undefined
          ? absentToWire(name, wrong)
          : registryApplicationToWire({ record, faults: wrong });
      this.#blocked = !this.#call.write({ kind: kinds[kind], application });
    }
    if (this.#sync !== "due" || this.#blocked) return;
    this.#sync = "sent";
    this.#call.write({ kind: WatchEvent_Kind.KIND_SYNCED, application: undefined });
  }
}

/** What one event says that takes the place of two; undefined: nobody needs to hear of either. */
function mergedKind(before: Kind | undefined, now: Kind): Kind | undefined {
  if (before === undefined) return now;
  if (now === "removed") return before === "created" ? undefined : "removed";
  return before === "removed" ? "changed" : before;
}
