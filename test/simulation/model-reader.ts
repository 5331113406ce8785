import type { Link } from "./network.ts";
import { pause, type Script } from "./script.ts";
import type { World } from "./world.ts";

/** Somebody who looks at sessions and tasks while the storm lasts; what they see is checked where it leaves. */
export function* looksAround(world: World, link: Link, sessionIds: readonly string[]): Script {
  const { random } = world;
  while (world.stormy && sessionIds.length > 0) {
    yield* pause(world, random.skewed(1, 400));
    const sessionId = random.pick(sessionIds);
    const kind = random.pick(["session.get", "session.list", "task.get"] as const);
    if (kind === "task.get") yield* link.ask(kind, { sessionId, taskId: random.between(1, 10) });
    else if (kind === "session.get") yield* link.ask(kind, { id: sessionId });
    else yield* link.ask(kind, {});
  }
}
