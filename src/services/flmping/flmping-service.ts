import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import type { FlameService } from "../serve-instance.ts";

/** What a task of flmping asks for; absent means 0 (docs/protocol.md, "flmping"). */
interface PingInput {
  /** How long the task takes, in milliseconds. */
  readonly duration: number;
  /** How much memory it holds meanwhile, in bytes. */
  readonly memory: number;
}

/** What flmping needs from its surroundings. */
export interface PingDeps {
  readonly hostname: string;
  /** Waits that many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
}

/** They print nothing. As many as it gets done while the next ones are on their way. */
const TASKS_AHEAD = 256;

/** Memory is taken in pieces, so that a size above one buffer's limit works as well. */
const PIECE_BYTES = 64 * 1024 * 1024;

/** The service behind `flmping`: takes time and memory as it is told, and says where it did. */
export function pingService(deps: PingDeps): FlameService {
  return {
    tasksAhead: TASKS_AHEAD,
    onTaskInvoke: ({ input }) => {
      const { duration, memory } = readInput(input);
      const held = hold(memory);
      const answer = (): Buffer => {
        const bytes = held.reduce((sum, piece) => sum + piece.length, 0);
        const message = `Completed on <${deps.hostname}> in <${duration}> milliseconds with <${bytes}> memory`;
        return Buffer.from(JSON.stringify({ message }));
      };
      return duration > 0 ? deps.wait(duration).then(answer) : answer();
    },
  };
}

/** @throws FlameError invalid_argument for anything but JSON with two optional whole numbers. */
function readInput(input: Buffer | undefined): PingInput {
  if (input === undefined || input.length === 0) return { duration: 0, memory: 0 };
  let parsed: unknown;
  try {
    parsed = JSON.parse(input.toString("utf8"));
  } catch (cause) {
    throw refused(textOf(cause), cause);
  }
  if (typeof parsed !== "object" || parsed === null) throw refused(`got ${typeof parsed}`);
  const { duration, memory } = parsed as Record<string, unknown>;
  return { duration: wholeNumber("duration", duration), memory: wholeNumber("memory", memory) };
}

function wholeNumber(name: string, value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw refused(`${name} is ${JSON.stringify(value)}`);
}

function refused(found: string, cause?: unknown): FlameError {
  const expected =
    'expected JSON such as {"duration": 100, "memory": 1048576} (milliseconds, bytes)';
  return new FlameError("invalid_argument", `invalid flmping input: ${found}, ${expected}`, {
    cause,
  });
}

// Filled, not only allocated: memory that nobody wrote to is not taken from the machine.
function hold(bytes: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let left = bytes; left > 0; left -= PIECE_BYTES) {
    pieces.push(Buffer.alloc(Math.min(left, PIECE_BYTES), 1));
  }
  return pieces;
}
