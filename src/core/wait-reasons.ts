import type { NodeEntry } from "../executors/node-book.ts";
import type { Shim } from "../model/executor.ts";
import { fits, formatResources, type Resources, resourcesKey } from "../model/resources.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { needOfThisMake, type OwnNeed } from "./needed-make.ts";
import { Nesting, nestingMax } from "./nesting.ts";
import type { CoreState } from "./state.ts";

/** Names in one event at most. */
const namesMax = 3;

/** What nodes and executors look like to sessions that ask for the same: looked up once for all of them. */
interface Prospect {
  readonly shimmed: readonly NodeEntry[];
  /** Those of them that can serve what the sessions were opened with. */
  readonly reading: readonly NodeEntry[];
  readonly isLargeEnough: boolean;
}

/**
 * Why sessions wait for executors. One look at nodes and executors serves all sessions that are told in one turn,
 * however many they are.
 */
export class WaitReasons {
  readonly #state: CoreState;
  readonly #ready: readonly NodeEntry[];
  /** By what they ask for. */
  readonly #prospects = new Map<string, Prospect>();
  /** Nodes that were told to start an executor of these resources, by them. */
  readonly #coming = new Map<string, string>();
  /** Sessions with executors, those with most first. */
  readonly #holders: readonly SessionEntry[];
  readonly #holdersOf = new Map<string, SessionEntry[]>();
  readonly #holdersText: string;
  readonly #nesting: Nesting;

  constructor(state: CoreState) {
    this.#state = state;
    this.#nesting = new Nesting(state);
    this.#ready = [...state.nodes.all()].filter((node) => node.record.state === "Ready");
    const holders = new Set<SessionEntry>();
    for (const executor of state.executors.all()) {
      const { id, resreq, node, state: is } = executor.record;
      const key = resourcesKey(resreq);
      if (is === "Void" && !this.#coming.has(key)) this.#coming.set(key, node);
      const entry = state.sessionOf(executor);
      if (entry?.executors.has(id) === true) holders.add(entry);
    }
    this.#holders = [...holders].sort(mostFirst);
    for (const entry of this.#holders) {
      const { application } = entry.record;
      const peers = this.#holdersOf.get(application) ?? [];
      peers.push(entry);
      this.#holdersOf.set(application, peers);
    }
    this.#holdersText = holdersText(this.#holders);
  }

  /** Undefined: nobody knows, or another event says it. */
  of(entry: SessionEntry): string | undefined {
    const { record } = entry;
    const application = this.#state.applicationOf(record);
    if (application === undefined) return undefined;
    if (record.maxInstances === 0) return "its max_instances is 0";
    if (this.#ready.length === 0) return "no node is Ready";
    const { max_instances: most, shim } = application.spec;
    const need = needOfThisMake(this.#state, record, application);
    const ownOnly = need !== undefined;
    const { shimmed, reading, isLargeEnough } = this.#prospectOf(shim, ownOnly, record.resreq);
    // Event 1003 says that.
    if (shimmed.length === 0) return undefined;
    if (reading.length === 0 && need !== undefined) return unserved(shimmed, need);
    const wanted = formatResources(record.resreq);
    if (!isLargeEnough) {
      const have = some(
        reading,
        (node) => `${node.record.name} has ${formatResources(node.record.allocatable)}`,
      );
      return `it asks for ${wanted} for each executor, which no Ready node has: ${have}`;
    }
    const coming = this.#coming.get(resourcesKey(record.resreq));
    if (coming !== undefined)
      return `node ${coming} was told to start an executor and has not registered it yet`;
    const peers = this.#holdersOf.get(record.application) ?? [];
    const instances = peers.reduce((sum, { executors }) => sum + executors.size, 0);
    if (instances >= most)
      return `application ${application.name} has all ${most} of its max_instances: ${holdersText(peers)}`;
    const quota = this.#fullQuotaOf(entry);
    if (quota !== undefined) return quota;
    if (this.#nesting.depthOf(record) >= nestingMax)
      return `${nestingMax} sessions wait for one another down to this one, and tasks that wait so deep keep their room`;
    const taken = this.#holdersText === "" ? "executors leave" : this.#holdersText;
    return `${wanted} for an executor is not free on any Ready node: ${taken}`;
  }

  /** Its owner has as many executors as it may. */
  #fullQuotaOf({ owner, record }: SessionEntry): string | undefined {
    const quota = owner?.limits.maxExecutors;
    if (quota === undefined) return undefined;
    const peers = this.#holders.filter((entry) => entry.owner === owner);
    const counted = peers.reduce((sum, entry) => sum + this.#countedOf(entry), 0);
    if (counted < quota.max) return undefined;
    return `${record.owner} has all ${quota.max} executors of its quota (${quota.key}): ${holdersText(peers)}`;
  }

  /** Its executors but those whose tasks wait for tasks of their own. */
  #countedOf({ executors }: SessionEntry): number {
    const all = [...executors].map((id) => this.#state.executors.find(id));
    return all.filter((one) => one !== undefined && !this.#nesting.yields(this.#state, one)).length;
  }

  #prospectOf(shim: Shim, ownOnly: boolean, resreq: Resources): Prospect {
    const key = `${shim} ${ownOnly} ${resourcesKey(resreq)}`;
    const known = this.#prospects.get(key);
    if (known !== undefined) return known;
    const shimmed = this.#ready.filter(
      ({ record }) => record.shim === undefined || record.shim === shim,
    );
    const reading = ownOnly ? shimmed.filter(({ version }) => version !== undefined) : shimmed;
    const isLargeEnough = reading.some(({ record }) => fits(resreq, record.allocatable));
    const prospect = { shimmed, reading, isLargeEnough };
    this.#prospects.set(key, prospect);
    return prospect;
  }
}

function unserved(nodes: readonly NodeEntry[], need: OwnNeed): string {
  const names = some(nodes, ({ record }) => record.name);
  const [lack, orElse] = lacks[need];
  return `the Ready nodes are of another make, ${lack}: ${names}; start an executor manager of this make, or ${orElse}`;
}

const lacks: Readonly<Record<OwnNeed, readonly [lack: string, orElse: string]>> = {
  frame: [
    "whose services do not read what it was opened with",
    "connect anew and open another session: flamepy sends then what those nodes read",
  ],
  packages: [
    "which do not install its packages",
    "open another session without packages, of an application that has none",
  ],
};

/** Then the older one, so that a restart tells the same. */
function mostFirst(a: SessionEntry, b: SessionEntry): number {
  return b.executors.size - a.executors.size || a.record.creationTime - b.record.creationTime;
}

function holdersText(holders: readonly SessionEntry[]): string {
  return some(holders, ({ record, executors }) => {
    const warm = record.minInstances > 0 ? `, min_instances ${record.minInstances}` : "";
    const many = executors.size === 1 ? "1 executor" : `${executors.size} executors`;
    return `session ${record.id} has ${many} of ${formatResources(record.resreq)} (priority ${record.priority}${warm})`;
  });
}

function some<T>(items: readonly T[], textOf: (item: T) => string): string {
  const more = items.length - namesMax;
  return `${items.slice(0, namesMax).map(textOf).join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}
